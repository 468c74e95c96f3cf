use super::tests::{LIMIT, collect, job, whole};
use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// The stream that a shell would print for these outputs.
fn framed(word: &str, outputs: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = format!("\n{word} H w=timeout;b=1\n").into_bytes();
    for (q, output) in outputs.iter().enumerate() {
        stream.extend(format!("\n{word} B {q} 0\n").bytes());
        stream.extend(output);
        stream.extend(format!("\n{word} E {q} 0 t=10 ms=5 r=0 c=0\n\n{word} D {q}\n").bytes());
    }
    stream.extend(format!("\n{word} Z\n").bytes());
    stream
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces(
        outputs in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'a'), any::<u8>()], 0..200), 1..5),
        step in 1usize..90,
    ) {
        let jobs: Vec<Job> = outputs.iter().map(|_| job(&[&["x"]])).collect();
        let script = Script::new(&jobs, LIMIT, Duration::from_secs(1));
        let stream = framed(&script.word, &outputs);
        let found = collect(&script, &jobs, LIMIT, &stream, &stream, step);
        for (found, want) in found.iter().zip(&outputs) {
            prop_assert_eq!(whole(found).output.stdout.bytes(), &want[..]);
        }
    }

    #[test]
    fn near_misses_of_a_mark_are_output(cut in 1usize..34, step in 1usize..50, tail in "[ -~\n]{0,20}") {
        let jobs = [job(&[&["x"]])];
        let script = Script::new(&jobs, LIMIT, Duration::from_secs(1));
        let mut almost = format!("\n{}", script.word).into_bytes();
        almost.truncate(cut);
        // `cut` 33 is the whole word: only the blank after it makes a mark, and hostile output does not know the word.
        almost.extend(format!("#{tail}").bytes());
        let stream = framed(&script.word, std::slice::from_ref(&almost));
        let found = collect(&script, &jobs, LIMIT, &stream, &stream, step);
        prop_assert_eq!(whole(&found[0]).output.stdout.bytes(), &almost[..]);
    }

    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), lines in prop::collection::vec("[BEDMSHZ]? ?[0-9]{0,3} ?[0-9]{0,20} ?[a-z=0-9 -]{0,20}", 0..10)) {
        let jobs = [job(&[&["x"]]), job(&[&["y"]])];
        let script = Script::new(&jobs, LIMIT, Duration::from_secs(1));
        let mut stream = bytes.clone();
        for line in lines {
            stream.extend(format!("\n{} {line}\n", script.word).bytes());
            stream.extend(&bytes);
        }
        collect(&script, &jobs, LIMIT, &stream, &bytes, 13);
    }
}
