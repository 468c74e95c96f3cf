//! Statements and blocks of BIRD's configuration language.

use crate::ParseError;

/// `words;` or `words { statements }`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Statement {
    /// The line it ends on, or opens its block on; 1-based.
    pub(super) line: usize,
    /// With single blanks between words.
    pub(super) text: String,
    /// The comment behind it, on its last line.
    pub(super) comment: Option<String>,
    pub(super) block: Option<Vec<Statement>>,
}

/// Real files nest five deep. The limit bounds the recursion of everything that walks the tree.
const MAX_DEPTH: usize = 50;

impl Statement {
    /// On one line, with its block.
    pub(super) fn flat(&self) -> String {
        match &self.block {
            None => self.text.clone(),
            Some(block) => {
                let inner: Vec<String> = block.iter().map(Statement::flat).collect();
                format!("{} {{ {} }}", self.text, inner.join("; "))
            }
        }
    }
}

pub(super) fn statements(text: &str) -> Result<Vec<Statement>, ParseError> {
    let mut open: Vec<Vec<Statement>> = vec![Vec::new()];
    let mut words = String::new();
    let mut in_comment = false;
    let mut line_number = 0;
    for (index, line) in text.lines().enumerate() {
        let mut ended = false;
        line_number = index + 1;
        for token in Tokens::new(line, in_comment) {
            match token {
                Token::CommentOpen => in_comment = true,
                Token::CommentClose => in_comment = false,
                Token::Comment(comment) => {
                    if let Some(last) = open
                        .last_mut()
                        .and_then(|l| l.last_mut())
                        .filter(|_| ended && words.is_empty())
                    {
                        last.comment = Some(comment.to_owned());
                    }
                }
                Token::Word(word) => {
                    if !words.is_empty() {
                        words.push(' ');
                    }
                    words.push_str(word);
                }
                Token::Punctuation(b';') => {
                    ended = true;
                    push(&mut open, &mut words, line_number, None);
                }
                Token::Punctuation(b'{') => {
                    if open.len() > MAX_DEPTH {
                        return Err(ParseError::new(
                            line_number,
                            line,
                            "blocks that are not nested this deep",
                        ));
                    }
                    push(&mut open, &mut words, line_number, Some(Vec::new()));
                    open.push(Vec::new());
                }
                Token::Punctuation(_) => {
                    ended = true;
                    push(&mut open, &mut words, line_number, None);
                    let block = open.pop().filter(|_| !open.is_empty());
                    let block = block.ok_or_else(|| ParseError::new(line_number, line, "no `}` without its `{`"))?;
                    if let Some(owner) = open.last_mut().and_then(|l| l.last_mut()) {
                        owner.block = Some(block);
                    }
                }
            }
        }
    }
    push(&mut open, &mut words, line_number, None);
    match open.pop() {
        Some(statements) if open.is_empty() => Ok(statements),
        _ => Err(ParseError::new(
            text.lines().count(),
            text.lines().last().unwrap_or_default(),
            "a `}` for each `{`",
        )),
    }
}

fn push(open: &mut [Vec<Statement>], words: &mut String, line: usize, block: Option<Vec<Statement>>) {
    let text = std::mem::take(words);
    if let Some(list) = open.last_mut()
        && (!text.is_empty() || block.is_some())
    {
        list.push(Statement {
            line,
            text,
            comment: None,
            block,
        });
    }
}

enum Token<'a> {
    Word(&'a str),
    Punctuation(u8),
    Comment(&'a str),
    CommentOpen,
    CommentClose,
}

/// Tokens of one line. Strings do not go over line ends; comments in `/* */` may.
struct Tokens<'a> {
    rest: &'a str,
    in_comment: bool,
}

impl<'a> Tokens<'a> {
    fn new(line: &'a str, in_comment: bool) -> Self {
        Tokens { rest: line, in_comment }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        token
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.in_comment {
            self.rest = self.rest.split_once("*/")?.1;
            self.in_comment = false;
            return Some(Token::CommentClose);
        }
        self.rest = self.rest.trim_start();
        let first = *self.rest.as_bytes().first()?;
        if matches!(first, b';' | b'{' | b'}') {
            self.take(1);
            return Some(Token::Punctuation(first));
        }
        if first == b'#' {
            let comment = self.take(self.rest.len());
            return Some(Token::Comment(comment.trim_matches(['#', ' ', '\r'])));
        }
        if self.rest.starts_with("/*") {
            self.take(2);
            self.in_comment = true;
            return Some(Token::CommentOpen);
        }
        // What is opened inside of a word: a string, or the lengths in a pattern such as `10.0.0.0/8{16,32}`.
        let mut closing = None;
        let mut before = b' ';
        let end = self.rest.bytes().position(|byte| {
            let previous = std::mem::replace(&mut before, byte);
            if closing.is_some() {
                closing = closing.filter(|c| *c != byte);
                return false;
            }
            closing = match byte {
                b'"' | b'\'' => Some(byte),
                b'{' if previous.is_ascii_digit() => Some(b'}'),
                _ => None,
            };
            closing.is_none() && (byte.is_ascii_whitespace() || matches!(byte, b';' | b'{' | b'}' | b'#'))
        });
        Some(Token::Word(self.take(end.unwrap_or(self.rest.len()))))
    }
}
