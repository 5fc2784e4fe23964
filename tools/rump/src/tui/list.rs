//! The entries of a directory, in an order of the user's choice.

use crate::walk::join;
use rumpkit::{FileType, Stat};

/// An entry.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: Box<[u8]>,
    /// Its attributes, where they can be had.
    pub stat: Option<Stat>,
}

impl Row {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.stat.is_some_and(|stat| stat.file_type == FileType::Directory)
    }
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Names, by their bytes.
    #[default]
    Name,
    /// Large files.
    Size,
    /// What was changed last.
    Time,
    /// Names by what is behind their last dot.
    Kind,
}

impl Sort {
    /// For the user.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Time => "time",
            Self::Kind => "kind",
        }
    }

    /// The one after this.
    pub fn next(self) -> Self {
        match self {
            Self::Name => Self::Size,
            Self::Size => Self::Time,
            Self::Time => Self::Kind,
            Self::Kind => Self::Name,
        }
    }
}

/// See the module. Directories come before files.
#[derive(Debug, Default)]
pub struct List {
    /// Of the directory.
    pub path: Vec<u8>,
    /// All entries, as they were read.
    rows: Vec<Row>,
    /// Those that are shown.
    order: Vec<u32>,
    /// Which of them the user is at.
    pub at: usize,
    /// Which of them is the first on the screen.
    pub top: usize,
    /// How they are sorted.
    pub sort: Sort,
    /// The other way round.
    pub is_reversed: bool,
    /// Whether names that begin with a dot are shown.
    pub shows_hidden: bool,
}

impl List {
    /// Takes the entries of another directory, and goes to the name `select`.
    pub fn fill(&mut self, path: Vec<u8>, rows: Vec<Row>, select: Option<&[u8]>) {
        self.path = path;
        self.rows = rows;
        (self.at, self.top) = (0, 0);
        self.arrange_at(select);
    }

    /// Sorts anew; the entry that the user is at stays the same one, where it is still shown.
    pub fn arrange(&mut self) {
        let name = self.current().map(|row| row.name.clone());
        self.arrange_at(name.as_deref());
    }

    fn arrange_at(&mut self, select: Option<&[u8]>) {
        let rows = &self.rows;
        let is_shown = |index: &u32| self.shows_hidden || !rows[*index as usize].name.starts_with(b".");
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..count).filter(is_shown).collect();
        let row = |index: &u32| &rows[*index as usize];
        let size = |row: &Row| std::cmp::Reverse(row.stat.map_or(0, |stat| stat.size));
        let time = |row: &Row| std::cmp::Reverse(row.stat.map(|stat| (stat.mtime.sec, stat.mtime.nsec)));
        order.sort_unstable_by(|one, other| {
            let (one, other) = (row(one), row(other));
            let by_name = || one.name.cmp(&other.name);
            let ordering = match self.sort {
                Sort::Name => by_name(),
                Sort::Size => size(one).cmp(&size(other)).then_with(by_name),
                Sort::Time => time(one).cmp(&time(other)).then_with(by_name),
                Sort::Kind => kind(&one.name).cmp(kind(&other.name)).then_with(by_name),
            };
            let ordering = if self.is_reversed { ordering.reverse() } else { ordering };
            other.is_directory().cmp(&one.is_directory()).then(ordering)
        });
        let at = select.and_then(|name| order.iter().position(|index| *row(index).name == *name));
        self.order = order;
        self.at = at.unwrap_or_else(|| self.at.min(self.len().saturating_sub(1)));
    }

    /// How many are shown.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// How many are not.
    pub fn hidden(&self) -> usize {
        self.rows.len() - self.order.len()
    }

    /// The one at `index` of those that are shown.
    pub fn row(&self, index: usize) -> Option<&Row> {
        self.order.get(index).map(|&row| &self.rows[row as usize])
    }

    /// The one that the user is at.
    pub fn current(&self) -> Option<&Row> {
        self.row(self.at)
    }

    /// The path of an entry.
    pub fn path_of(&self, row: &Row) -> Vec<u8> {
        let mut path = self.path.clone();
        join(&mut path, &row.name);
        path
    }

    /// Goes to the entry at `at`, or to the last; the screen has `height` rows.
    pub fn go(&mut self, at: usize, height: usize) {
        self.at = at.min(self.len().saturating_sub(1));
        self.show(height);
    }

    /// Has the entry that the user is at on the screen.
    pub fn show(&mut self, height: usize) {
        self.top = self.top.clamp((self.at + 1).saturating_sub(height.max(1)), self.at);
    }

    /// The next entry from `from` on, round the end, with `text` in its name, whatever the case of letters.
    pub fn find(&self, text: &str, from: usize, is_back: bool) -> Option<usize> {
        let wanted = text.to_lowercase();
        let is_it = |index: &usize| {
            self.row(*index)
                .is_some_and(|row| String::from_utf8_lossy(&row.name).to_lowercase().contains(&wanted))
        };
        let count = self.len();
        let step =
            |index: usize| if is_back { (from + count - index) % count } else { (from + index) % count };
        (0..count).map(step).find(is_it)
    }
}

fn kind(name: &[u8]) -> &[u8] {
    match name.iter().rposition(|&byte| byte == b'.') {
        Some(at) if at > 0 => &name[at + 1..],
        _ => b"",
    }
}
