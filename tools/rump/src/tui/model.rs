//! What the browser knows, and what happens to it: values, without an image or a terminal.

use super::list::{List, Row};
use super::viewer::{Viewer, Window};
use std::collections::BTreeSet;

/// A key, as far as it means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of keys")]
pub enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-U.
    Clear,
}

/// What the beginning of a file, or of a directory, looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Of what it is.
    pub path: Vec<u8>,
    /// Its lines, harmless to a terminal.
    pub lines: Vec<String>,
}

/// A file system of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// What chooses it, behind the name of the image.
    pub selector: String,
    /// What it is, for the user.
    pub text: String,
}

/// A file with what was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where it is.
    pub path: Vec<u8>,
    /// The first byte of what was found.
    pub offset: u64,
    /// What is around it, harmless to a terminal.
    pub text: String,
}

/// How far work is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// What is done, for the user.
    pub title: String,
    /// Files done.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes that there are, where that is known.
    pub total: Option<u64>,
    /// Seconds since it began.
    pub seconds: f64,
    /// What it is at.
    pub path: Vec<u8>,
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has so many columns and rows.
    Resize(u16, u16),
    /// A file system was opened: its name for the user, and whether there are others beside it.
    Opened(String),
    /// A directory was read. `select` is the name to go to; `note` says what is wrong with it.
    Directory { path: Vec<u8>, rows: Vec<Row>, select: Option<Vec<u8>>, note: Option<String> },
    /// A preview was made.
    Preview(Preview),
    /// Part of the file that is viewed was read.
    Window { path: Vec<u8>, size: u64, window: Window, error: Option<String> },
    /// A search in the file that is viewed is over, for what began at a byte.
    Found { path: Vec<u8>, at: u64 },
    /// The image was described.
    Info(Vec<String>),
    /// The file systems of the image were found.
    Volumes(Vec<Volume>),
    /// Work goes on.
    Progress(Work),
    /// Work is over; what there is to say of it.
    Done(String),
    /// A search is over; what there is to say of it.
    Hits(Vec<Hit>, String),
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read a directory and go to a name in it.
    Directory { path: Vec<u8>, select: Option<Vec<u8>> },
    /// Make a preview.
    Preview(Vec<u8>),
    /// Read what is around a byte of a file.
    Window { path: Vec<u8>, at: u64 },
    /// Describe the image.
    Info,
    /// Find its file systems.
    Volumes,
    /// Open one of them.
    Open(String),
    /// Look for a text in all files below a directory.
    Search { path: Vec<u8>, text: String },
    /// Look for bytes in a file, from a byte on, or before it.
    Find { path: Vec<u8>, bytes: Vec<u8>, from: u64, is_back: bool },
    /// Copy to the host.
    Extract { paths: Vec<Vec<u8>>, target: String },
    /// End the work that goes on.
    Cancel,
    /// End.
    Quit,
}

/// What the screen shows below the first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum View {
    List,
    Viewer,
    Help,
    Info,
    Volumes,
    Hits,
}

/// What the user is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Part of a name, gone to while it is typed.
    Name,
    /// A text in files.
    Text,
    /// A text, or bytes, in the file that is viewed.
    Find,
    /// A directory of the host.
    Target,
    /// A place in a file.
    Offset,
}

impl Ask {
    /// The question.
    pub fn question(self) -> &'static str {
        match self {
            Self::Name => "name: ",
            Self::Text => "text in files below: ",
            Self::Find => "find (0x7f45 are bytes): ",
            Self::Target => "extract to: ",
            Self::Offset => "offset (0x10, 4k, 50%): ",
        }
    }
}

/// A question, and what was typed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The question.
    pub ask: Ask,
    /// The answer.
    pub text: String,
    /// Where the list was before.
    pub before: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Model {
    /// Columns and rows.
    pub size: (u16, u16),
    /// The file system, for the user.
    pub volume: String,
    /// What is shown.
    pub view: View,
    /// The directory.
    pub list: List,
    /// Paths that are marked, in all directories.
    pub marks: BTreeSet<Vec<u8>>,
    /// Whether there is a preview beside the list.
    pub has_preview: bool,
    /// The last preview.
    pub preview: Preview,
    /// The file that is viewed.
    pub viewer: Viewer,
    /// Where the viewer was called from.
    pub back: View,
    /// The question that is open.
    pub prompt: Option<Prompt>,
    /// The part of a name that was looked for last.
    pub sought: String,
    /// What was looked for in files last.
    pub pattern: Vec<u8>,
    /// The work that goes on.
    pub work: Option<Work>,
    /// Lines of the description of the image.
    pub info: Vec<String>,
    /// The file systems of the image.
    pub volumes: Vec<Volume>,
    /// What was found in files.
    pub hits: Vec<Hit>,
    /// The line that is chosen in a view of lines, or that it begins with.
    pub line: usize,
    /// What there is to say.
    pub message: String,
}

impl Model {
    /// A browser that has seen nothing yet.
    pub fn new(size: (u16, u16)) -> Self {
        Self {
            size,
            volume: String::new(),
            view: View::List,
            list: List::default(),
            marks: BTreeSet::new(),
            has_preview: true,
            preview: Preview::default(),
            viewer: Viewer::default(),
            back: View::List,
            prompt: None,
            sought: String::new(),
            pattern: Vec::new(),
            work: None,
            info: Vec::new(),
            volumes: Vec::new(),
            hits: Vec::new(),
            line: 0,
            message: String::new(),
        }
    }

    /// Rows between the first line and the last two.
    pub fn height(&self) -> usize {
        usize::from(self.size.1.saturating_sub(3)).max(1)
    }

    /// The path of the entry that the list is at.
    pub fn current(&self) -> Option<Vec<u8>> {
        self.list.current().map(|row| self.list.path_of(row))
    }

    /// What is to be copied: what is marked, or the entry that the list is at.
    pub fn chosen(&self) -> Vec<Vec<u8>> {
        match self.marks.is_empty() {
            true => self.current().into_iter().collect(),
            false => self.marks.iter().cloned().collect(),
        }
    }

    /// The longest that a view of lines can be gone through.
    pub fn lines(&self) -> usize {
        match self.view {
            View::Info => self.info.len(),
            View::Help => super::draw::HELP.len(),
            View::Volumes => self.volumes.len(),
            View::Hits => self.hits.len(),
            View::List | View::Viewer => 0,
        }
    }
}
