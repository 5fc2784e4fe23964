//! Directories, and those below.

use super::grid::Form;
use super::{Args, Row};
use crate::session::Session;
use rump_cli::escape::escaped;
use rump_client::RemoteProcess;
use rump_client::abi::{AtFlags, Errno, FileType, Ino, Mode, OpenFlags, Stat, TimeSpec};
use rump_client::kern::Fd;
use rump_client::kpi::KResult;
use std::collections::HashSet;
use std::io::{self, Write};

/// One run of the tool.
pub struct Listing<'a> {
    /// What is asked for.
    pub args: &'a Args,
    /// The process that looks.
    pub process: RemoteProcess,
    /// Where failures are told.
    pub session: &'a mut Session,
    /// Where it goes.
    pub out: &'a mut dyn Write,
    /// The time at the server.
    pub now: TimeSpec,
    /// How names are put beside each other.
    pub form: Form,
    /// Something was printed, so that a directory is set off.
    pub began: bool,
}

impl Listing<'_> {
    /// A link on the command line is followed to a directory, unless the link itself is to be described.
    pub fn top(&self, path: &[u8]) -> KResult<Row> {
        let mut stat = self.process.lstat(path)?;
        let is_described = self.args.is_long() || self.args.directory || self.args.classify;
        if stat.file_type == FileType::Symlink && !is_described {
            let followed = self.process.stat(path).ok();
            stat = followed.filter(|to| to.file_type == FileType::Directory).unwrap_or(stat);
        }
        self.row(None, path.to_vec(), path.to_vec(), stat)
    }

    fn row(&self, dir: Option<Fd>, name: Vec<u8>, path: Vec<u8>, stat: Stat) -> KResult<Row> {
        let is_link = stat.file_type == FileType::Symlink && (self.args.is_long() || self.args.json);
        let target = is_link.then(|| self.process.readlinkat(dir, &name)).transpose()?;
        Ok(Row { name, path, stat, target })
    }

    /// A directory, and with -R those below. Errors: those of writing.
    pub fn tree(&mut self, top: Vec<u8>, is_headed: bool) -> io::Result<()> {
        let (mut pending, mut seen) = (vec![top], HashSet::new());
        while let Some(path) = pending.pop() {
            let rows = match self.directory(&path, &mut seen) {
                Ok(rows) => rows,
                Err(error) => {
                    self.session.report(&path, &error);
                    continue;
                }
            };
            if is_headed && !self.args.json {
                let gap = if self.began { "\n" } else { "" };
                writeln!(self.out, "{gap}{}:", escaped(&path))?;
            }
            self.began = true;
            if (self.args.is_long() || self.args.blocks) && !self.args.json {
                let blocks = rows.iter().fold(0, |all: u64, row| all.saturating_add(row.stat.blocks));
                writeln!(self.out, "total {blocks}")?;
            }
            self.rows(&rows)?;
            if self.args.recursive {
                let is_below = |row: &&Row| {
                    row.stat.file_type == FileType::Directory && !matches!(&row.name[..], b"." | b"..")
                };
                pending.extend(rows.iter().rev().filter(is_below).map(|row| row.path.clone()));
            }
        }
        Ok(())
    }

    /// What is in a directory, in order. What fails of one entry is told, and the rest is there. Errors: those of opening and
    /// reading.
    fn directory(&mut self, path: &[u8], seen: &mut HashSet<(u64, Ino)>) -> KResult<Vec<Row>> {
        let fd = self.process.open(path, OpenFlags::DIRECTORY, Mode::new(0))?;
        let listed = self.entries(path, fd, seen);
        // Closing what was only read cannot lose anything.
        let _ = self.process.close(fd);
        let mut rows = listed?;
        self.args.sort(&mut rows);
        Ok(rows)
    }

    fn entries(&mut self, path: &[u8], fd: Fd, seen: &mut HashSet<(u64, Ino)>) -> KResult<Vec<Row>> {
        let own = self.process.fstat(fd)?;
        if !seen.insert((own.dev, own.ino)) {
            // A damaged file system may lead back to itself.
            return Err(Errno::ELOOP.into());
        }
        let mut names = Vec::new();
        self.process.getdents_while(fd, &mut |entry| {
            if self.args.shows(entry.name) {
                names.push(entry.name.to_vec());
            }
            true
        })?;
        let mut rows = Vec::with_capacity(names.len());
        for name in names {
            let slash: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
            let full = [path, slash, &name].concat();
            let stat = self.process.fstatat(Some(fd), &name, AtFlags::SYMLINK_NOFOLLOW);
            match stat.and_then(|stat| self.row(Some(fd), name, full.clone(), stat)) {
                Ok(row) => rows.push(row),
                Err(error) => self.session.report(&full, &error),
            }
        }
        Ok(rows)
    }
}
