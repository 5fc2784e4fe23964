//! What an event changes, and what is to be done outside because of it.

use super::model::{Ask, Effect, Event, Key, Model, Prompt, View, Work};
use super::viewer::{Mode, Viewer};
use crate::change::parent_of;
use crate::walk::file_name;

/// Longest answer to a question.
const ANSWER_BYTES: usize = 4096;

impl Model {
    /// Takes an event.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                let height = self.height();
                self.list.show(height);
            }
            Event::Opened(volume) => {
                self.volume = volume;
                self.marks.clear();
                self.view = View::List;
                return vec![Effect::Directory { path: b"/".to_vec(), select: None }];
            }
            Event::Directory { path, rows, select, note } => {
                self.list.fill(path, rows, select.as_deref());
                let height = self.height();
                self.list.show(height);
                self.message = note.unwrap_or_default();
                return self.preview_current();
            }
            // One that came late is of another entry.
            Event::Preview(preview) if self.current().as_ref() == Some(&preview.path) => {
                self.preview = preview
            }
            Event::Preview(_) => {}
            Event::Window { path, size, window, error } if path == self.viewer.path => {
                let viewer = &mut self.viewer;
                (viewer.size, viewer.window, viewer.error) = (size, window, error);
                let rows = std::mem::take(&mut viewer.pending);
                viewer.up(rows, usize::from(self.size.0));
            }
            Event::Window { .. } => {}
            Event::Found { path, at } if path == self.viewer.path => return self.found(at),
            Event::Found { .. } => self.work = None,
            Event::Info(lines) => self.info = lines,
            Event::Volumes(volumes) => {
                self.volumes = volumes;
                self.enter(View::Volumes);
            }
            Event::Progress(work) => self.work = Some(work),
            Event::Done(message) => {
                self.work = None;
                self.message = message;
            }
            Event::Hits(hits, message) => {
                (self.work, self.message) = (None, message);
                if !hits.is_empty() {
                    self.hits = hits;
                    self.enter(View::Hits);
                }
            }
        }
        Vec::new()
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        if self.work.is_some() {
            let cancels = matches!(key, Key::Escape | Key::Interrupt | Key::Char('q'));
            return if cancels { vec![Effect::Cancel] } else { Vec::new() };
        }
        if key == Key::Interrupt {
            return vec![Effect::Quit];
        }
        if let Some(prompt) = self.prompt.take() {
            return self.answer(prompt, key);
        }
        self.message.clear();
        match self.view {
            View::List => self.list_key(key),
            View::Viewer => self.viewer_key(key),
            View::Help | View::Info | View::Volumes | View::Hits => self.lines_key(key),
        }
    }

    fn ask(&mut self, ask: Ask, text: &str) -> Vec<Effect> {
        self.prompt = Some(Prompt { ask, text: text.into(), before: self.list.at });
        Vec::new()
    }

    fn enter(&mut self, view: View) {
        self.view = view;
        self.line = 0;
    }

    fn preview_current(&self) -> Vec<Effect> {
        match (self.has_preview, self.current()) {
            (true, Some(path)) if path != self.preview.path => vec![Effect::Preview(path)],
            _ => Vec::new(),
        }
    }

    fn go(&mut self, at: usize) -> Vec<Effect> {
        let height = self.height();
        self.list.go(at, height);
        self.preview_current()
    }

    fn list_key(&mut self, key: Key) -> Vec<Effect> {
        let (at, page) = (self.list.at, self.height());
        match key {
            Key::Up | Key::Char('k') => self.go(at.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.go(at + 1),
            Key::PageUp => self.go(at.saturating_sub(page)),
            Key::PageDown => self.go(at + page),
            Key::Home | Key::Char('g') => self.go(0),
            Key::End | Key::Char('G') => self.go(usize::MAX),
            Key::Enter | Key::Right | Key::Char('l') => self.open(Mode::Text),
            Key::Char('b') => self.open(Mode::Hex),
            Key::Left | Key::Backspace | Key::Char('h') => self.leave_directory(),
            Key::Char(' ') => {
                if let Some(path) = self.current() {
                    if !self.marks.remove(&path) {
                        self.marks.insert(path);
                    }
                }
                self.go(at + 1)
            }
            Key::Char('a') => {
                let list = &self.list;
                self.marks.extend((0..list.len()).filter_map(|at| list.row(at)).map(|row| list.path_of(row)));
                Vec::new()
            }
            Key::Char('u') => {
                self.marks.clear();
                Vec::new()
            }
            Key::Char('.') => self.arrange(|list| list.shows_hidden = !list.shows_hidden),
            Key::Char('o') => self.arrange(|list| list.sort = list.sort.next()),
            Key::Char('O') => self.arrange(|list| list.is_reversed = !list.is_reversed),
            Key::Char('p') | Key::Tab => {
                self.has_preview = !self.has_preview;
                self.preview_current()
            }
            Key::Char('/') => self.ask(Ask::Name, ""),
            Key::Char('n') => self.go_on(at + 1, false),
            Key::Char('N') => self.go_on(at + self.list.len().saturating_sub(1), true),
            Key::Char('s') => self.ask(Ask::Text, ""),
            Key::Char('x') if self.chosen().is_empty() => Vec::new(),
            Key::Char('x') => self.ask(Ask::Target, "."),
            Key::Char('i') => {
                self.enter(View::Info);
                vec![Effect::Info]
            }
            Key::Char('v') => vec![Effect::Volumes],
            Key::Char('r') => {
                let select = self.list.current().map(|row| row.name.to_vec());
                self.preview.path.clear();
                vec![Effect::Directory { path: self.list.path.clone(), select }]
            }
            Key::Char('?') => {
                self.enter(View::Help);
                Vec::new()
            }
            Key::Char('q') => vec![Effect::Quit],
            _ => Vec::new(),
        }
    }

    fn arrange(&mut self, change: impl FnOnce(&mut super::list::List)) -> Vec<Effect> {
        change(&mut self.list);
        self.list.arrange();
        self.go(self.list.at)
    }

    /// Goes to the next name with what was looked for last.
    fn go_on(&mut self, from: usize, is_back: bool) -> Vec<Effect> {
        let count = self.list.len();
        let found = if count == 0 { None } else { self.list.find(&self.sought, from % count, is_back) };
        match found {
            Some(at) if !self.sought.is_empty() => self.go(at),
            _ => Vec::new(),
        }
    }

    fn open(&mut self, mode: Mode) -> Vec<Effect> {
        let Some(path) = self.current() else { return Vec::new() };
        let is_directory = self.list.current().is_some_and(super::list::Row::is_directory);
        if is_directory {
            return vec![Effect::Directory { path, select: None }];
        }
        self.look_at(path, 0, mode, View::List)
    }

    fn look_at(&mut self, path: Vec<u8>, at: u64, mode: Mode, back: View) -> Vec<Effect> {
        self.viewer = Viewer { path: path.clone(), mode, at, ..Viewer::default() };
        self.back = back;
        self.view = View::Viewer;
        vec![Effect::Window { path, at }]
    }

    fn leave_directory(&mut self) -> Vec<Effect> {
        let path = self.list.path.clone();
        match file_name(&path) {
            b"" => Vec::new(),
            name => vec![Effect::Directory { path: parent_of(&path).to_vec(), select: Some(name.to_vec()) }],
        }
    }

    fn viewer_key(&mut self, key: Key) -> Vec<Effect> {
        let (width, height) = (usize::from(self.size.0), self.height());
        let viewer = &mut self.viewer;
        match key {
            Key::Down | Key::Enter | Key::Char('j') => viewer.down(1, width, height),
            Key::PageDown | Key::Char(' ') => viewer.down(height, width, height),
            Key::Up | Key::Char('k') => viewer.up(1, width),
            Key::PageUp | Key::Backspace => viewer.up(height, width),
            Key::Home | Key::Char('<') => viewer.go(0, width),
            Key::End | Key::Char('G' | '>') => {
                viewer.go(u64::MAX, width);
                viewer.pending = height - 1;
            }
            Key::Tab | Key::Char('b') => {
                viewer.mode = if viewer.mode == Mode::Text { Mode::Hex } else { Mode::Text };
                viewer.go(viewer.at, width);
            }
            Key::Char('g') => return self.ask(Ask::Offset, ""),
            Key::Char('/') => return self.ask(Ask::Find, ""),
            Key::Char('n') => return self.find_on(false),
            Key::Char('N') => return self.find_on(true),
            Key::Escape | Key::Left | Key::Char('q' | 'h') => {
                self.view = self.back;
                return Vec::new();
            }
            Key::Char('?') => {
                self.enter(View::Help);
                return Vec::new();
            }
            _ => return Vec::new(),
        }
        vec![Effect::Window { path: viewer.path.clone(), at: viewer.at }]
    }

    /// Looks for the pattern again: behind what was found last, or before it, if that is on the screen.
    fn find_on(&mut self, is_back: bool) -> Vec<Effect> {
        if self.pattern.is_empty() {
            return Vec::new();
        }
        let (width, height) = (usize::from(self.size.0), self.height());
        let is_shown = self.viewer.row_of_found(width, height).is_some();
        match self.viewer.found.filter(|_| is_shown) {
            Some(found) if is_back => self.find(found, true),
            Some(found) => self.find(found + 1, false),
            None => self.find(self.viewer.at, is_back),
        }
    }

    fn find(&mut self, from: u64, is_back: bool) -> Vec<Effect> {
        self.work = Some(Work { title: "searching".into(), ..Work::default() });
        let (path, bytes) = (self.viewer.path.clone(), self.pattern.clone());
        vec![Effect::Find { path, bytes, from, is_back }]
    }

    /// Has what was found on the screen, with what is before it.
    fn found(&mut self, at: u64) -> Vec<Effect> {
        let (width, height) = (usize::from(self.size.0), self.height());
        (self.work, self.message) = (None, format!("found at {at}"));
        let viewer = &mut self.viewer;
        viewer.found = Some(at);
        if viewer.row_of_found(width, height).is_some() {
            return Vec::new();
        }
        viewer.go(at, width);
        viewer.pending = height / 2;
        vec![Effect::Window { path: viewer.path.clone(), at: viewer.at }]
    }

    fn lines_key(&mut self, key: Key) -> Vec<Effect> {
        let (last, page) = (self.lines().saturating_sub(1), self.height());
        match key {
            Key::Up | Key::Char('k') => self.line = self.line.saturating_sub(1),
            Key::Down | Key::Char('j') => self.line = (self.line + 1).min(last),
            Key::PageUp => self.line = self.line.saturating_sub(page),
            Key::PageDown | Key::Char(' ') => self.line = (self.line + page).min(last),
            Key::Home | Key::Char('g') => self.line = 0,
            Key::End | Key::Char('G') => self.line = last,
            Key::Enter | Key::Right | Key::Char('l') => return self.choose(),
            // Without a file system there is no list to go back to.
            Key::Char('q') if self.volume.is_empty() => return vec![Effect::Quit],
            Key::Escape | Key::Left | Key::Char('q' | 'h') if !self.volume.is_empty() => {
                self.view = View::List
            }
            _ => {}
        }
        Vec::new()
    }

    fn choose(&mut self) -> Vec<Effect> {
        match self.view {
            View::Volumes => {
                let chosen = self.volumes.get(self.line);
                chosen.map(|volume| Effect::Open(volume.selector.clone())).into_iter().collect()
            }
            View::Hits => match self.hits.get(self.line).cloned() {
                Some(hit) => {
                    let effects = self.look_at(hit.path, hit.offset, Mode::Text, View::Hits);
                    self.viewer.pending = self.height() / 2;
                    self.viewer.found = Some(hit.offset);
                    effects
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn answer(&mut self, mut prompt: Prompt, key: Key) -> Vec<Effect> {
        match key {
            Key::Enter => return self.answered(prompt),
            Key::Escape => {
                return if prompt.ask == Ask::Name { self.go(prompt.before) } else { Vec::new() };
            }
            Key::Backspace => drop(prompt.text.pop()),
            Key::Clear => prompt.text.clear(),
            Key::Char(character) if prompt.text.len() < ANSWER_BYTES => prompt.text.push(character),
            _ => {}
        }
        let effects = match prompt.ask {
            Ask::Name => match self.list.find(&prompt.text, prompt.before, false) {
                Some(at) => self.go(at),
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        self.prompt = Some(prompt);
        effects
    }

    fn answered(&mut self, prompt: Prompt) -> Vec<Effect> {
        let Prompt { ask, text, .. } = prompt;
        match ask {
            _ if text.is_empty() => Vec::new(),
            Ask::Name => {
                let is_there = self.list.find(&text, self.list.at, false).is_some();
                if !is_there {
                    self.message = "no such name here".into();
                }
                self.sought = text;
                Vec::new()
            }
            Ask::Text => {
                self.work = Some(Work { title: "searching".into(), ..Work::default() });
                self.pattern = text.clone().into_bytes();
                vec![Effect::Search { path: self.list.path.clone(), text }]
            }
            Ask::Find => {
                self.pattern = Viewer::pattern(&text);
                self.find(self.viewer.at, false)
            }
            Ask::Target => {
                self.work = Some(Work { title: "extracting".into(), ..Work::default() });
                vec![Effect::Extract { paths: self.chosen(), target: text }]
            }
            Ask::Offset => match self.viewer.place(&text) {
                Some(at) => {
                    self.viewer.go(at, usize::from(self.size.0));
                    vec![Effect::Window { path: self.viewer.path.clone(), at: self.viewer.at }]
                }
                None => {
                    self.message = "this is no place in a file".into();
                    Vec::new()
                }
            },
        }
    }
}
