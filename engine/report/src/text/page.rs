//! The page that a report is written on: width, indentation, colour.

use super::TextOptions;
use anstyle::{AnsiColor, Style};
use textwrap::{
    WordSeparator, WordSplitter,
    core::{Word, display_width},
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Good,
    Bad,
    Doubt,
    Strong,
    Faint,
}

/// Text narrower than this is not worth wrapping.
const NARROWEST: usize = 40;

pub(super) struct Page<'a> {
    out: String,
    pub(super) options: &'a TextOptions,
    width: usize,
}

impl<'a> Page<'a> {
    pub(super) fn new(options: &'a TextOptions) -> Page<'a> {
        Page {
            out: String::new(),
            options,
            width: options.width.max(NARROWEST),
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Colour on top of words that say the same without it.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.options.colour {
            return text.into();
        }
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default().bold(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Doubt => AnsiColor::Yellow.on_default().bold(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }

    /// Between the parts of a line.
    pub(super) fn dot(&self) -> &'static str {
        if self.options.unicode { " · " } else { ", " }
    }

    pub(super) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.blank();
        let painted = self.paint(Tone::Strong, text);
        self.line(&painted);
    }

    /// A heading inside a part.
    pub(super) fn subheading(&mut self, text: &str) {
        let painted = self.paint(Tone::Strong, text);
        self.line(&painted);
    }

    /// A line as it is: commands are never broken, or they could not be pasted.
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end_matches(' '));
        self.out.push('\n');
    }

    /// Prose: wrapped, the first line after `first`, the others below it.
    pub(super) fn prose(&mut self, first: &str, text: &str) {
        let rest = " ".repeat(display_width(first));
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(&rest)
            .word_separator(WordSeparator::Custom(separate))
            .word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.line(&line);
        }
    }

    /// How much room there is on a line behind an indentation.
    pub(super) fn room(&self, indent: usize) -> usize {
        self.width.saturating_sub(indent).max(NARROWEST / 2)
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        display_width(text) <= self.width
    }

    fn ellipsis(&self) -> &'static str {
        if self.options.unicode { "…" } else { "..." }
    }

    /// A line cut to `room`, around its first word of `words` so that this stays in sight.
    pub(super) fn cut(&self, line: &str, room: usize, words: &[String]) -> String {
        if display_width(line) <= room {
            return line.into();
        }
        let found = words.iter().filter_map(|w| Some((find_word(line, w)?, w.len()))).min();
        let dots = self.ellipsis();
        let room = room.saturating_sub(2 * display_width(dots)).max(1);
        let start = match found {
            Some((at, length)) if display_width(&line[..at + length]) > room => {
                let lead = room.saturating_sub(display_width(&line[at..at + length])) / 2;
                back_by(line, at, lead)
            }
            _ => 0,
        };
        let kept = take_width(&line[start..], room);
        let left = if start > 0 { dots } else { "" };
        let right = if start + kept.len() < line.len() { dots } else { "" };
        format!("{left}{kept}{right}")
    }
}

/// Where `word` stands in `line` as a whole word: `10.0.0.1` is not in `10.0.0.12`.
pub(super) fn find_word(line: &str, word: &str) -> Option<usize> {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let whole = |at: &usize| !joins(line[..*at].chars().next_back()) && !joins(line[at + word.len()..].chars().next());
    line.match_indices(word).map(|(at, _)| at).find(whole)
}

/// Where a line may be broken: at spaces, so that names stay whole, and between ideographs, but not in front of
/// what closes or behind what opens.
fn separate(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let wide = |c: char| display_width(c.encode_utf8(&mut [0; 4])) > 1;
    let mut words = vec![];
    let (mut start, mut last) = (0, ' ');
    for (at, c) in line.char_indices() {
        let between_words = last == ' ' && c != ' ';
        let between_signs = (wide(last) || wide(c)) && c != ' ' && !"，。、；：！？）」』】》”’".contains(c);
        if at > start && (between_words || (between_signs && !"（「『【《“‘".contains(last))) {
            words.push(Word::from(&line[start..at]));
            start = at;
        }
        last = c;
    }
    words.push(Word::from(&line[start..]));
    Box::new(words.into_iter())
}

/// The byte where `width` columns before `at` begin.
fn back_by(line: &str, at: usize, width: usize) -> usize {
    let mut used = 0;
    let before = line[..at].char_indices().rev().take_while(|(_, c)| {
        used += display_width(c.encode_utf8(&mut [0; 4]));
        used <= width
    });
    before.last().map_or(at, |(start, _)| start)
}

fn take_width(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, c)| {
        used += display_width(c.encode_utf8(&mut [0; 4]));
        used > width
    });
    end.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_whole_and_ideographs_break_anywhere() {
        let options = TextOptions {
            width: 40,
            ..TextOptions::default()
        };
        let mut page = Page::new(&options);
        page.prose("", "cannot read the routes of pods/calico-node-x7k2p-and-more");
        page.prose(
            "> ",
            "kworker-2 上的 nftables 表丢弃了 UDP 4789 的报文，所以隧道里没有任何东西。",
        );
        assert_eq!(
            page.finish(),
            "cannot read the routes of\n\
             pods/calico-node-x7k2p-and-more\n\
             > kworker-2 上的 nftables 表丢弃了 UDP\n  \
             4789 的报文，所以隧道里没有任何东西。\n"
        );
    }

    #[test]
    fn a_word_is_found_whole() {
        assert_eq!(find_word("10.0.0.12 10.0.0.1", "10.0.0.1"), Some(10));
        assert_eq!(find_word("14789 4789x", "4789"), None);
        assert_eq!(find_word("ip_forward_use_pmtu cart-0", "ip_forward"), None);
    }

    #[test]
    fn a_long_line_is_cut_around_what_matters() {
        let options = TextOptions {
            width: 80,
            ..TextOptions::default()
        };
        let page = Page::new(&options);
        let line = format!("{} needle {}", "a".repeat(100), "b".repeat(100));
        let cut = page.cut(&line, 30, &["needle".into()]);
        assert!(
            cut.starts_with('…') && cut.ends_with('…') && cut.contains("needle"),
            "{cut}"
        );
        assert!(display_width(&cut) <= 30);
        assert_eq!(page.cut("short", 30, &[]), "short");
        let wide = page.cut(&"宽".repeat(40), 21, &[]);
        assert!(display_width(&wide) <= 21 && wide.ends_with('…'), "{wide}");
    }
}
