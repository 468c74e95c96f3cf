//! Single keys, and a terminal that is whole again whatever happens.

use crate::run::Interrupt;
use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal,
};
use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Enter,
    Letter(char),
    Interrupt,
    Other,
}

/// Was the terminal ever touched? Otherwise there is nothing to restore.
static TOUCHED: AtomicBool = AtomicBool::new(false);

/// From now on a way out has to restore the terminal.
pub(super) fn touch() {
    TOUCHED.store(true, Ordering::SeqCst);
}

/// Ends raw mode and shows the cursor: on every way out, panics and signals among them.
pub(crate) fn restore_terminal() {
    if TOUCHED.load(Ordering::SeqCst) {
        drop(terminal::disable_raw_mode());
        drop(write!(std::io::stderr(), "\x1b[?25h"));
    }
}

struct Raw;

impl Raw {
    fn begin() -> std::io::Result<Raw> {
        touch();
        terminal::enable_raw_mode().map(|()| Raw)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        drop(terminal::disable_raw_mode());
    }
}

/// Waits for a key. A terminal that is gone, or a signal, reads as an interrupt.
pub(super) fn read(interrupt: &Interrupt) -> Key {
    let Ok(_raw) = Raw::begin() else { return Key::Interrupt };
    loop {
        if interrupt.was_raised() {
            return Key::Interrupt;
        }
        match event::poll(Duration::from_millis(50)) {
            Ok(false) => {}
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => return meaning(key.code, key.modifiers),
                Ok(_) => {}
                Err(_) => return Key::Interrupt,
            },
            Err(_) => return Key::Interrupt,
        }
    }
}

fn meaning(code: KeyCode, modifiers: KeyModifiers) -> Key {
    match code {
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Enter => Key::Enter,
        KeyCode::Char('j' | 'm') if modifiers.contains(KeyModifiers::CONTROL) => Key::Enter,
        KeyCode::Char(letter) => Key::Letter(letter.to_ascii_lowercase()),
        _ => Key::Other,
    }
}
