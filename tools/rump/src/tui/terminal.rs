//! The terminal: taken over as a whole, and given back as it was on every way out.

use super::model::{Event, Key};
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{self, Clear, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::Modifier;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, BufWriter, Stdout, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A terminal that was taken over; given back when dropped.
pub struct Taken(Arc<AtomicBool>);

impl Taken {
    /// Takes the terminal over. A panic gives it back before anything is said.
    pub fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let taken = Self(Arc::new(AtomicBool::new(true)));
        let is_taken = taken.0.clone();
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        let told = panic::take_hook();
        panic::set_hook(Box::new(move |what| {
            give_back(&is_taken);
            told(what);
        }));
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back(&self.0);
    }
}

/// Once only: the second time, the cursor would go back as well.
fn give_back(is_taken: &AtomicBool) {
    if !is_taken.swap(false, Ordering::SeqCst) {
        return;
    }
    // What cannot be given back has gone away.
    let _ = execute!(io::stdout(), SetAttribute(Attribute::Reset), Show, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// The next event, unless none comes in so long a time. Errors: the terminal is gone.
pub fn next(patience: Duration) -> io::Result<Option<Event>> {
    wait(Duration::ZERO)?;
    // Of what was read, some may be left.
    if !event::poll(Duration::ZERO)? {
        wait(patience)?;
        if !event::poll(Duration::ZERO)? {
            return Ok(None);
        }
    }
    Ok(match event::read()? {
        event::Event::Key(key) if key.kind != KeyEventKind::Release => known(key).map(Event::Key),
        event::Event::Resize(columns, rows) => Some(Event::Resize(columns, rows)),
        _ => None,
    })
}

/// Waits for what the terminal has to say, or for a signal. crossterm would go round for ever at one that is gone.
fn wait(patience: Duration) -> io::Result<()> {
    let stdin = io::stdin();
    let mut terminal = [PollFd::new(&stdin, PollFlags::IN)];
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    match poll(&mut terminal, Some(&patience)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_gone = terminal[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    if is_gone { Err(io::Error::new(io::ErrorKind::BrokenPipe, "the terminal is gone")) } else { Ok(()) }
}

fn known(key: KeyEvent) -> Option<Key> {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if with_control => Key::Interrupt,
        KeyCode::Char('u') if with_control => Key::Clear,
        KeyCode::Char('h') if with_control => Key::Backspace,
        KeyCode::Char(character) if !with_control => Key::Char(character),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

/// What draws on it: characters with the few attributes that are used here, and no colours.
pub struct Screen(BufWriter<Stdout>);

impl Screen {
    /// That of standard output.
    pub fn new() -> Self {
        Self(BufWriter::new(io::stdout()))
    }
}

const ATTRIBUTES: [(Modifier, Attribute); 3] = [
    (Modifier::BOLD, Attribute::Bold),
    (Modifier::DIM, Attribute::Dim),
    (Modifier::REVERSED, Attribute::Reverse),
];

impl Backend for Screen {
    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let (mut modifier, mut next) = (Modifier::empty(), None);
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                queue!(self.0, MoveTo(x, y))?;
            }
            // Behind a wide character the cursor is further on.
            next = (cell.symbol().len() == 1).then_some((x + 1, y));
            if cell.modifier != modifier {
                modifier = cell.modifier;
                queue!(self.0, SetAttribute(Attribute::Reset))?;
                for (_, attribute) in ATTRIBUTES.iter().filter(|(known, _)| modifier.contains(*known)) {
                    queue!(self.0, SetAttribute(*attribute))?;
                }
            }
            queue!(self.0, Print(cell.symbol()))?;
        }
        queue!(self.0, SetAttribute(Attribute::Reset))
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        execute!(self.0, Hide)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        execute!(self.0, Show)
    }

    /// Nothing here depends on it.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        execute!(self.0, MoveTo(x, y))
    }

    fn clear(&mut self) -> io::Result<()> {
        execute!(self.0, Clear(terminal::ClearType::All))
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        terminal::size().map(|(width, height)| Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
