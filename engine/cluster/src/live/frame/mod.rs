//! Many commands in one round trip: a shell script, and the framing of what it prints.
//!
//! Both streams of the one remote shell carry frames of their own, so that stdout and stderr stay apart without a file
//! on the other side, and bytes stay as they are. A frame begins and ends with a line that holds a random word. The
//! script goes in over stdin, never as an argument: else `ps` on the other side would print the word, and hostile
//! output could forge an end. Only an end that came in band makes an answer whole: whatever the transport says about
//! success, it says the same when the link broke half way.
//!
//! On stdout, each line after a newline of its own (`W` is the word, `q` a question, `f` one of its forms):
//! ```text
//! W H w=timeout -k 5;b=1      the shell is there; how commands are bounded in time, and whether in size
//! W M q f                     the program of this form is not there
//! W S q f                     no time was left to run it
//! W B q f  …bytes…  W E q f t=10 ms=12 r=0 c=0     ran: bound in s, took, exit, bytes that were not kept
//! W D q                       question done
//! W Z                         all done
//! ```
//! stderr has `B`, `E`, `D` and `Z`.

mod collect;
#[cfg(test)]
mod properties;
mod script;
#[cfg(test)]
mod tests;

pub(crate) use collect::{Collector, Found, Run, Stream};
pub(crate) use script::{Job, Script, refuse};
