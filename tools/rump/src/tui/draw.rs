//! What is on the screen: nothing but what the model says.

use super::list::Row;
use super::model::{Model, View, Work};
use super::plain::plain;
use super::viewer::Mode;
use crate::mode::mode_text;
use crate::units;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use rumpkit::FileType;

/// Columns from which on there is room for a preview, and for minutes.
const WIDE: usize = 60;

/// What the keys do.
pub const HELP: &[&str] = &[
    "Directories",
    "  Up Down PgUp PgDn Home End  go; also k j g G",
    "  Enter, Right, l             open a directory, or look at a file",
    "  Left, Backspace, h          go up",
    "  b                           look at the bytes of a file",
    "  /  n  N                     find a name; the next one, the one before",
    "  s                           search a text in all files below",
    "  Space  a  u                 mark; mark all; unmark all",
    "  x                           extract what is marked, or what the line is at",
    "  o  O  .                     order; the other way round; hidden names",
    "  p, Tab                      preview on and off",
    "  i  v                        about the image; its file systems",
    "  r                           read again",
    "  q, Ctrl-C                   quit",
    "",
    "Files",
    "  Up Down PgUp PgDn < >       go",
    "  g                           go to a byte: 4096, 0x1000, 4k, 50%",
    "  /  n  N                     find a text, or bytes as 0x7f45; the next, the one before",
    "  Tab, b                      text and bytes",
    "  q, Esc, Left                go back",
    "",
    "Work that goes on ends by Esc, q or Ctrl-C.",
];

/// Draws all.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let last = area.height.saturating_sub(1);
    let body = Rect { y: 1, height: area.height.saturating_sub(3), ..area }.intersection(area);
    line(frame, 0, &head(model), Modifier::REVERSED);
    match model.view {
        View::List => list(model, frame, body),
        View::Viewer => viewer(model, frame, body),
        View::Help => lines(model, frame, body, HELP.iter().map(|text| text.to_string()), false),
        View::Info => lines(model, frame, body, model.info.iter().cloned(), false),
        View::Volumes => lines(model, frame, body, model.volumes.iter().map(|one| one.text.clone()), true),
        View::Hits => {
            let text = |hit: &super::model::Hit| format!("{}: {}", shown(&hit.path), hit.text);
            lines(model, frame, body, model.hits.iter().map(text), true);
        }
    }
    if last > 1 {
        line(frame, last - 1, &status(model), Modifier::empty());
        line(frame, last, &keys(model), Modifier::DIM);
    }
    if let (Some(prompt), true) = (&model.prompt, last > 1) {
        let question = prompt.ask.question();
        // The end of a long answer is what is being typed.
        let room = usize::from(area.width).saturating_sub(question.len() + 1).max(1);
        let answer: Vec<char> = prompt.text.chars().collect();
        let answer: String = answer[answer.len().saturating_sub(room)..].iter().collect();
        line(frame, last, &format!("{question}{answer}_"), Modifier::BOLD);
    }
}

/// A name or path of the image.
fn shown(path: &[u8]) -> String {
    plain(path, usize::MAX).0
}

/// A whole line of the screen.
fn line(frame: &mut Frame<'_>, row: u16, text: &str, modifier: Modifier) {
    let area = frame.area();
    row_at(frame, Rect { x: 0, y: row, width: area.width, height: 1 }, text, modifier);
}

fn row_at(frame: &mut Frame<'_>, area: Rect, text: &str, modifier: Modifier) {
    let area = area.intersection(frame.area());
    let style = Style::new().add_modifier(modifier);
    let (text, _) = plain(text.as_bytes(), usize::from(area.width).max(1));
    frame.render_widget(Line::from(Span::raw(text)).style(style), area);
}

fn head(model: &Model) -> String {
    let place = match model.view {
        View::Viewer => shown(&model.viewer.path),
        View::Volumes => "file systems".into(),
        View::Help => "help".into(),
        View::Info => "about the image".into(),
        View::Hits => format!("{} files found", model.hits.len()),
        View::List => shown(&model.list.path),
    };
    let order = if model.list.is_reversed { "-" } else { "+" };
    let marks = match model.marks.len() {
        0 => String::new(),
        count => format!("{count} marked  "),
    };
    let (left, right) = (
        format!(" {}  {place}", model.volume),
        match model.view {
            View::List => format!("{marks}{} {order}{} ", model.list.len(), model.list.sort.name()),
            View::Viewer => format!("{} of {} ", model.viewer.at, model.viewer.size),
            _ => String::new(),
        },
    );
    let width = usize::from(model.size.0);
    let room = width.saturating_sub(right.len() + 1).max(1);
    let left = Line::from(plain(left.as_bytes(), room).0);
    format!("{left}{:1$}{right}", "", width.saturating_sub(left.width() + right.len()))
}

fn list(model: &Model, frame: &mut Frame<'_>, body: Rect) {
    let has_preview = model.has_preview && usize::from(body.width) >= WIDE;
    let width = if has_preview { body.width / 20 * 13 } else { body.width };
    let rows = usize::from(body.height);
    for row in 0..rows {
        let index = model.list.top + row;
        let Some(entry) = model.list.row(index) else { break };
        let area = Rect { y: body.y + row as u16, height: 1, width, ..body };
        let mut modifier = if index == model.list.at { Modifier::REVERSED } else { Modifier::empty() };
        if entry.is_directory() {
            modifier |= Modifier::BOLD;
        }
        let is_marked = !model.marks.is_empty() && model.marks.contains(&model.list.path_of(entry));
        row_at(frame, area, &row_text(entry, is_marked, usize::from(width)), modifier);
    }
    if model.list.len() == 0 {
        let hidden = model.list.hidden();
        let text = if hidden == 0 { "empty".into() } else { format!("{hidden} hidden") };
        row_at(frame, Rect { height: 1, width, ..body }, &format!("  ({text})"), Modifier::DIM);
    }
    let is_of_current = model.current().is_some_and(|path| path == model.preview.path);
    for row in 0..if has_preview { rows } else { 0 } {
        let text = model.preview.lines.get(row).filter(|_| is_of_current).map_or("", String::as_str);
        let area = Rect { x: width, y: body.y + row as u16, width: body.width - width, height: 1 };
        row_at(frame, area, &format!("|{text}"), Modifier::empty());
    }
}

fn row_text(row: &Row, is_marked: bool, width: usize) -> String {
    let mark = if is_marked { '*' } else { ' ' };
    let name = shown(&row.name);
    let Some(stat) = &row.stat else { return format!("{mark}??????????      ? {name}") };
    let mode = String::from_utf8_lossy(&mode_text(stat)).into_owned();
    let time = if width >= WIDE { units::minute(stat.mtime) } else { units::day(stat.mtime) };
    let size = match stat.file_type {
        FileType::CharDevice | FileType::BlockDevice => format!("{},{}", stat.rdev.major, stat.rdev.minor),
        _ => units::human(stat.size),
    };
    let end = match stat.file_type {
        FileType::Directory => "/",
        FileType::Symlink => "@",
        FileType::Regular => "",
        _ => "=",
    };
    format!("{mark}{mode} {size:>6} {time} {name}{end}")
}

fn viewer(model: &Model, frame: &mut Frame<'_>, body: Rect) {
    let rows = model.viewer.rows(usize::from(body.width), usize::from(body.height));
    let found = model.viewer.row_of_found(usize::from(body.width), usize::from(body.height));
    for (row, (_, text)) in rows.iter().enumerate() {
        let modifier = if found == Some(row) { Modifier::REVERSED } else { Modifier::empty() };
        row_at(frame, Rect { y: body.y + row as u16, height: 1, ..body }, text, modifier);
    }
    if rows.is_empty() {
        let text = model.viewer.error.as_deref().unwrap_or("empty");
        row_at(frame, Rect { height: 1, ..body }, &format!("  ({text})"), Modifier::DIM);
    }
}

/// Lines; one may be chosen, or they begin with the one that the user is at.
fn lines(model: &Model, frame: &mut Frame<'_>, body: Rect, all: impl Iterator<Item = String>, chosen: bool) {
    let height = usize::from(body.height).max(1);
    let top = if chosen { (model.line + 1).saturating_sub(height) } else { model.line };
    for (row, text) in all.skip(top).take(height).enumerate() {
        let is_it = chosen && top + row == model.line;
        let modifier = if is_it { Modifier::REVERSED } else { Modifier::empty() };
        row_at(frame, Rect { y: body.y + row as u16, height: 1, ..body }, &format!(" {text}"), modifier);
    }
}

fn status(model: &Model) -> String {
    if let Some(work) = &model.work {
        return working(work);
    }
    if !model.message.is_empty() {
        return format!(" {}", model.message);
    }
    match (model.view, model.list.current()) {
        (View::List, Some(row)) => match &row.stat {
            Some(stat) => {
                let time = units::full(stat.mtime);
                format!(" {}  {}:{}  {} bytes  {time}", shown(&row.name), stat.uid, stat.gid, stat.size)
            }
            None => format!(" {}: its attributes cannot be read", shown(&row.name)),
        },
        (View::Viewer, _) => {
            let mode = if model.viewer.mode == Mode::Text { "text" } else { "bytes" };
            format!(" {mode}  {}", model.viewer.error.as_deref().unwrap_or_default())
        }
        _ => String::new(),
    }
}

/// How far work is, how fast it goes, and how long it will take.
fn working(work: &Work) -> String {
    let rate = if work.seconds > 0.0 { work.bytes as f64 / work.seconds } else { 0.0 };
    let mut text = format!(" {}: {} files, {}", work.title, work.files, units::human(work.bytes));
    if let Some(total) = work.total {
        text.push_str(&format!(" of {}", units::human(total)));
    }
    text.push_str(&format!(", {}/s", units::human(rate as u64)));
    if let Some(total) = work.total.filter(|_| rate >= 1.0) {
        let left = (total.saturating_sub(work.bytes) as f64 / rate).ceil() as u64;
        text.push_str(&format!(", {}:{:02} left", left / 60, left % 60));
    }
    format!("{text}  {}", shown(&work.path))
}

fn keys(model: &Model) -> String {
    let text = match (&model.work, model.view) {
        (Some(_), _) => "Esc cancel",
        (None, View::List) => "? help  Enter open  Space mark  x extract  / name  s search  o order  q quit",
        (None, View::Viewer) => {
            "/ find  n N next, before  Tab text/bytes  g go to  < > begin, end  q back  ? help"
        }
        (None, View::Volumes) => "Enter open  q back",
        (None, View::Hits) => "Enter look at it  q back",
        (None, View::Help | View::Info) => "q back",
    };
    format!(" {text}")
}
