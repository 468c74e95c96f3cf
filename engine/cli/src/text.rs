//! Text for terminals: made harmless, wrapped, and written where `| head` may be listening.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
};

/// Makes text from outside harmless: control characters, terminal escapes and those that turn the direction of
/// writing are shown as escapes. Lines and tabs stay.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let bad = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || turns(c);
    if !text.chars().any(bad) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match bad(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out.into()
}

/// The same on one line.
pub(crate) fn clean_line(text: &str) -> String {
    clean(text).replace('\n', "\\n").replace('\t', " ")
}

/// Writes data to stdout. A reader that went away (`| head`) is no error; a full disk is.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says something on stderr, whether or not somebody listens.
pub(crate) fn say(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// How the terminal wants its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) colour: bool,
    pub(crate) width: usize,
    pub(crate) unicode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

impl Colour {
    fn wanted(self, terminal: bool) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !set("NO_COLOR") && !is_dumb(),
        }
    }
}

pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|t| t == "dumb")
}

impl Style {
    pub(crate) fn stdout(colour: Colour) -> Style {
        Style::of(colour, io::stdout().is_terminal())
    }

    pub(crate) fn stderr(colour: Colour) -> Style {
        Style::of(colour, io::stderr().is_terminal())
    }

    fn of(colour: Colour, terminal: bool) -> Style {
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse::<usize>().ok());
        let measured = || {
            terminal
                .then(|| crossterm::terminal::size().ok())
                .flatten()
                .map(|(w, _)| usize::from(w))
        };
        let width = columns.or_else(measured).filter(|w| *w >= 20).unwrap_or(100);
        Style {
            colour: colour.wanted(terminal),
            width: width.min(120),
            unicode: unicode_locale(),
        }
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(crate) fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    /// Wraps at the width, with `first` before the first line and `rest` before the others.
    pub(crate) fn wrap(&self, text: &str, first: &str, rest: &str) -> String {
        self.fill(&clean(text), first, rest)
    }

    fn fill(&self, text: &str, first: &str, rest: &str) -> String {
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }

    /// `**words**` stand out where there is colour, and are plain words where there is none.
    fn strong(&self, text: &str) -> String {
        let parts = text.split("**").enumerate();
        parts
            .map(|(i, part)| if i % 2 == 1 { self.bold(part) } else { part.into() })
            .collect()
    }

    /// Markdown as a terminal shows it: headings stand out, text wraps, code stays as it is.
    pub(crate) fn markdown(&self, text: &str) -> String {
        let (mut out, mut paragraph, mut code) = (String::new(), String::new(), false);
        let flush = |paragraph: &mut String, out: &mut String| {
            if !paragraph.is_empty() {
                let rest = if paragraph.starts_with("- ") { "  " } else { "" };
                out.push_str(&self.fill(&self.strong(paragraph), "", rest));
                out.push('\n');
                paragraph.clear();
            }
        };
        for line in clean(text).lines() {
            let starts_anew =
                line.trim().is_empty() || line.starts_with(['#', '-', '|', ' ']) || line.starts_with("```");
            if starts_anew || code {
                flush(&mut paragraph, &mut out);
            }
            match line {
                l if l.starts_with("```") => code = !code,
                l if code => out.push_str(&format!("    {l}\n")),
                l if l.starts_with('#') => {
                    out.push_str(&format!("{}\n", self.bold(l.trim_start_matches('#').trim())));
                }
                l if l.starts_with(['|', ' ']) || l.trim().is_empty() => out.push_str(&format!("{l}\n")),
                l => {
                    if !paragraph.is_empty() {
                        paragraph.push(' ');
                    }
                    paragraph.push_str(l.trim_end());
                }
            }
        }
        flush(&mut paragraph, &mut out);
        out
    }
}

fn unicode_locale() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
    set.is_some_and(|l| l.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// Rows of cells without lines around them, wrapped into the width.
pub(crate) fn table(style: Style, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_width(style.width as u16);
    for row in rows {
        table.add_row(row.iter().map(|cell| clean_line(cell)));
    }
    if let Some(first) = table.column_mut(0) {
        first
            .set_padding((0, 1))
            .set_constraint(comfy_table::ColumnConstraint::ContentWidth);
    }
    let lines: Vec<String> = table.lines().map(|l| l.trim_end().to_string()).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        for (text, want) in [
            ("shop/cart-0", "shop/cart-0"),
            ("a\nb\tc", "a\nb\tc"),
            ("\u{1b}[2Jhi\u{7}", "\\u{1b}[2Jhi\\u{7}"),
            ("\u{9b}31m\r", "\\u{9b}31m\\r"),
            ("evil\u{202e}txt", "evil\\u{202e}txt"),
            ("节点", "节点"),
        ] {
            assert_eq!(clean(text), want);
        }
    }

    #[test]
    fn markdown_keeps_code_and_wraps_text() {
        let style = Style {
            colour: false,
            width: 24,
            unicode: true,
        };
        let text = style.markdown("## Meaning\nA **line** that is long\nand goes on.\n\n```sh\nip -d link show dev vxlan.calico\n```\n- one\n- two");
        let want = "Meaning\nA line that is long and\ngoes on.\n\n    ip -d link show dev vxlan.calico\n- one\n- two\n";
        assert_eq!(text, want);
    }
}
