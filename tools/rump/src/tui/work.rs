//! What the browser does outside of itself: it reads the image, copies out of it, and shows what there is.

use super::draw::draw;
use super::list::Row;
use super::model::{Effect, Event, Model, Preview, Volume, Work};
use super::plain::plain;
use super::search::{MOST, Search, find_in};
use super::terminal::{Screen, Taken, next};
use super::viewer::{BEFORE, BEHIND, Window};
use crate::cp::{Copier, HostTarget};
use crate::output::{Output, escaped};
use crate::progress::{Progress, Seen};
use crate::put::Existing;
use crate::record::stat_path;
use crate::session::{Failure, Place, Session};
use crate::walk::{Entry, Step, Visitor, walk};
use ratatui::Terminal;
use rumpkit::hyper::Access;
use rumpkit::image::{Address, Content, OpenError, Survey};
use rumpkit::{FileType, KResult, Mode, OpenFlags};
use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::rc::Rc;
use std::time::Duration;

/// How often signals are asked for.
const PATIENCE: Duration = Duration::from_millis(250);
/// Entries of a directory that are kept.
const ENTRIES: usize = 500_000;
/// Bytes and lines of a preview.
const PREVIEW_BYTES: usize = 16 << 10;
/// See [`PREVIEW_BYTES`].
const PREVIEW_LINES: usize = 200;
/// Columns of a line of a preview.
const PREVIEW_COLUMNS: usize = 400;

/// The screen, and what is on it.
struct Desk {
    terminal: Terminal<Screen>,
    model: Model,
}

impl Desk {
    fn draw(&mut self) -> std::io::Result<()> {
        let model = &self.model;
        self.terminal.draw(|frame| draw(model, frame)).map(drop)
    }
}

struct Browser<'a> {
    session: &'a mut Session,
    /// The image as an address names it.
    image: Vec<u8>,
    place: Option<Place>,
    desk: Rc<RefCell<Desk>>,
}

/// Shows what `word` addresses until the user leaves.
pub fn browse(word: &OsStr, session: &mut Session) -> Result<(), Failure> {
    session.stop.watch()?;
    let address = Address::parse(&**session.host(), word.as_bytes());
    let image = address.image().to_vec();
    // What is wrong with an image is told as always; only where there is something to choose, the browser asks.
    let place = match session.place(word) {
        Ok(place) => Some(place),
        Err(Failure::Open(_, OpenError::Ambiguous { .. })) => None,
        Err(failure) => return Err(failure),
    };
    session.keep_what_is_told();
    let taken = Taken::take()?;
    let terminal = Terminal::new(Screen::new())?;
    let size = terminal.size()?;
    let model = Model::new((size.width, size.height));
    let desk = Rc::new(RefCell::new(Desk { terminal, model }));
    let mut browser = Browser { session, image, place: None, desk };
    let done = browser.begin(place).and_then(|()| browser.run());
    drop(taken);
    done
}

impl Browser<'_> {
    fn begin(&mut self, place: Option<Place>) -> Result<(), Failure> {
        let Some(place) = place else { return self.perform(Effect::Volumes).map(drop) };
        let (volume, path) = (self.name(&place), place.path.clone());
        let mut select = None;
        let mut directory = path.clone();
        if stat_path(place.process(), &path, true).is_ok_and(|stat| stat.file_type != FileType::Directory) {
            select = Some(crate::walk::file_name(&path).to_vec());
            directory = crate::change::parent_of(&path).to_vec();
        }
        self.place = Some(place);
        // The root comes with the volume; what was asked for comes in its place.
        self.desk.borrow_mut().model.update(Event::Opened(volume));
        self.perform(Effect::Directory { path: directory, select }).map(drop)
    }

    fn name(&self, place: &Place) -> String {
        format!("{} ({})", place.volume, place.image().info().kind)
    }

    fn run(&mut self) -> Result<(), Failure> {
        loop {
            self.desk.borrow_mut().draw()?;
            let event = next(PATIENCE)?;
            self.session.stop.check()?;
            let Some(event) = event else { continue };
            let mut effects = self.desk.borrow_mut().model.update(event);
            // Of keys that came meanwhile, only the last place needs a preview.
            while !effects.iter().any(|effect| !matches!(effect, Effect::Preview(_))) {
                let Some(event) = next(Duration::ZERO)? else { break };
                let more = self.desk.borrow_mut().model.update(event);
                if !more.is_empty() {
                    effects = more;
                }
            }
            for effect in effects {
                if effect == Effect::Quit {
                    return Ok(());
                }
                self.perform(effect)?;
            }
        }
    }

    /// Does what is asked for, and what follows from that.
    fn perform(&mut self, effect: Effect) -> Result<(), Failure> {
        let mut pending = vec![effect];
        while let Some(effect) = pending.pop() {
            if let Some(event) = self.event_of(effect)? {
                pending.extend(self.desk.borrow_mut().model.update(event));
            }
        }
        Ok(())
    }

    fn event_of(&mut self, effect: Effect) -> Result<Option<Event>, Failure> {
        let event = match (effect, self.place.clone()) {
            (Effect::Volumes, _) => self.volumes(),
            (Effect::Open(selector), _) => self.open(&selector),
            (Effect::Info, _) => Event::Info(self.info()?),
            (Effect::Directory { path, select }, Some(place)) => directory(&place, path, select),
            (Effect::Preview(path), Some(place)) => {
                let lines = preview(&place, &path);
                let lines = lines.unwrap_or_else(|error| vec![format!("({error})")]);
                Event::Preview(Preview { path, lines })
            }
            (Effect::Window { path, at }, Some(place)) => window(&place, path, at),
            (Effect::Search { path, text }, Some(place)) => self.search(place, path, &text)?,
            (Effect::Find { path, bytes, from, is_back }, Some(place)) => {
                self.find(&place, path, &bytes, (from, is_back))?
            }
            (Effect::Extract { paths, target }, Some(place)) => self.extract(&place, &paths, &target)?,
            _ => return Ok(None),
        };
        Ok(Some(event))
    }

    fn volumes(&mut self) -> Event {
        let (host, opening) = (self.session.host().clone(), self.session.opening());
        let survey = match Survey::open(host, &self.image, Access::Read, opening) {
            Ok(survey) => survey,
            Err(error) => return Event::Done(error.of(escaped(&self.image))),
        };
        let known = |volume: &rumpkit::image::Volume| match &volume.content {
            Content::FileSystem(_, info) => {
                let label = if info.label.is_empty() { &volume.label } else { &info.label };
                let size = crate::units::human(volume.size_bytes);
                let text = format!("{:<12} {:<8} {size:>6}  {label}", volume.selector, info.kind);
                Some(Volume { selector: volume.selector.clone(), text })
            }
            Content::Damaged(_) | Content::Unknown => None,
        };
        Event::Volumes(survey.volumes.iter().filter_map(known).collect())
    }

    fn open(&mut self, selector: &str) -> Event {
        let word = [&*self.image, selector.as_bytes()].concat();
        match self.session.place(&OsString::from_vec(word)) {
            Ok(place) => {
                let volume = self.name(&place);
                self.place = Some(place);
                Event::Opened(volume)
            }
            Err(failure) => Event::Done(failure.text()),
        }
    }

    /// What `rump info` says.
    fn info(&mut self) -> Result<Vec<String>, Failure> {
        let (mut output, written) = Output::in_memory();
        let words = [OsString::from("info"), OsString::from_vec(self.image.clone())];
        let told = match crate::sh::parse(&words, None) {
            Ok(command) => crate::run(command, self.session, &mut output),
            Err(error) => return Ok(vec![error.to_string()]),
        };
        std::io::Write::flush(&mut output)?;
        let lines = String::from_utf8_lossy(&written.borrow()).lines().map(String::from).collect::<Vec<_>>();
        Ok(match told {
            Ok(()) => lines,
            Err(failure) => vec![failure.text()],
        })
    }

    /// Does work that takes its time, with the screen telling how far it is.
    fn at_work<T>(
        &mut self,
        title: &str,
        total: Option<u64>,
        work: impl FnOnce(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (desk, stop, title) = (self.desk.clone(), self.session.stop.clone(), title.to_string());
        self.session.progress = Progress::watched(Box::new(move |seen: &Seen<'_>| {
            let Ok(mut desk) = desk.try_borrow_mut() else { return };
            let Seen { files, bytes, seconds, path } = *seen;
            let (title, path) = (title.clone(), path.to_vec());
            desk.model.update(Event::Progress(Work { title, files, bytes, total, seconds, path }));
            // A terminal that is gone is met again when the work is over.
            while let Ok(Some(event)) = next(Duration::ZERO) {
                if desk.model.update(event).contains(&Effect::Cancel) {
                    stop.interrupt();
                }
            }
            let _ = desk.draw();
        }));
        let done = work(self.session);
        self.session.progress = Progress::hidden();
        done
    }

    /// Takes the wish to stop as one to end the work alone, and answers whether there was one. Errors: the browser is to end.
    fn is_cancelled(&mut self) -> Result<bool, Failure> {
        let was_wanted = self.session.stop.is_wanted();
        self.session.stop.forget_interrupt();
        self.session.stop.check()?;
        Ok(was_wanted)
    }

    fn search(&mut self, mut place: Place, path: Vec<u8>, text: &str) -> Result<Event, Failure> {
        place.path = path;
        let mut found = Vec::new();
        let searched = self.at_work("searching", None, |session| {
            let stat = stat_path(place.process(), &place.path, false);
            let stat = stat.map_err(|error| Failure::Other(error.to_string()))?;
            let mut search = Search::new(session, &place, text);
            let walked = walk(place.process(), &place.path, &stat, &mut search);
            found = search.hits;
            walked
        });
        let failures = self.session.take_told();
        let mut message = match (self.is_cancelled()?, searched) {
            (true, _) => format!("cancelled: {} files found", found.len()),
            (false, Err(Failure::Other(text))) => text,
            _ if found.len() >= MOST => format!("the first {MOST} files"),
            _ => format!("{} files found", found.len()),
        };
        if let Some(first) = failures.first() {
            message.push_str(&format!("; {} could not be read: {first}", failures.len()));
        }
        Ok(Event::Hits(found, message))
    }

    fn find(
        &mut self,
        place: &Place,
        path: Vec<u8>,
        bytes: &[u8],
        way: (u64, bool),
    ) -> Result<Event, Failure> {
        let found = self.at_work("searching", None, |session| {
            let found = find_in(session, place, &path, bytes, way);
            found.map_err(|error| Failure::Other(error.to_string()))
        });
        let message = match (self.is_cancelled()?, found) {
            (true, _) => "cancelled".into(),
            (false, Ok(Some(at))) => return Ok(Event::Found { path, at }),
            (false, Ok(None)) if way.1 => "not found before this".into(),
            (false, Ok(None)) => "not found from here on".into(),
            (false, Err(failure)) => failure.text(),
        };
        Ok(Event::Done(message))
    }

    fn extract(&mut self, place: &Place, paths: &[Vec<u8>], target: &str) -> Result<Event, Failure> {
        let mut sizes = Sizes(0);
        let counted = self.at_work("counting", None, |session| {
            paths.iter().try_for_each(|path| {
                let Ok(stat) = stat_path(place.process(), path, false) else { return Ok(()) };
                walk(
                    place.process(),
                    path,
                    &stat,
                    &mut Counting { session: &mut *session, sizes: &mut sizes },
                )
            })
        });
        let total = Some(sizes.0);
        let copied = counted.and_then(|()| {
            self.at_work("extracting", total, |session| {
                let mut copier = Copier::new(session, true, Existing::Compare)?;
                for path in paths {
                    let mut place = place.clone();
                    place.path.clone_from(path);
                    let target = HostTarget::find(OsStr::new(target), &place, paths.len() > 1)?;
                    copier.copy(&place, target)?;
                }
                let files = copier.files();
                Ok((copier.finish(), files))
            })
        });
        let told = self.session.take_told();
        self.session.take_failures();
        let is_cancelled = self.is_cancelled()?;
        let text = match copied {
            _ if is_cancelled => "cancelled; extract again to go on".into(),
            Ok((true, files)) => format!("{files} files are in {target}"),
            Ok((false, files)) => format!("{files} files are in {target}, not all: {}", told.join("; ")),
            Err(failure) => format!("{} {}", failure.text(), told.join("; ")),
        };
        Ok(Event::Done(plain(text.as_bytes(), usize::MAX).0))
    }
}

/// Bytes that there are to copy.
struct Sizes(u64);

struct Counting<'a> {
    session: &'a mut Session,
    sizes: &'a mut Sizes,
}

impl Visitor<Failure> for Counting<'_> {
    fn check(&self) -> Result<(), Failure> {
        self.session.stop.check()
    }

    fn enter(&mut self, entry: &Entry<'_>) -> Result<Step, Failure> {
        if entry.stat.file_type == FileType::Regular {
            self.sizes.0 = self.sizes.0.saturating_add(entry.stat.size);
        }
        self.session.progress.begin(entry.path);
        self.session.progress.add_file();
        Ok(Step::Into)
    }

    /// The copy tells of it.
    fn failed(&mut self, _: &[u8], _: &str) -> Result<(), Failure> {
        Ok(())
    }
}

fn directory(place: &Place, path: Vec<u8>, select: Option<Vec<u8>>) -> Event {
    let process = place.process();
    let (mut rows, mut is_cut) = (Vec::new(), false);
    let read = process.open(&path, OpenFlags::DIRECTORY, Mode::new(0)).and_then(|fd| {
        let read = process.getdents_with_stat(fd, &mut |entry, stat| {
            is_cut = rows.len() == ENTRIES;
            if !is_cut && !matches!(entry.name, b"." | b"..") {
                rows.push(Row { name: entry.name.into(), stat: stat.ok() });
            }
            !is_cut
        });
        // Closing what was only read cannot lose anything.
        let _ = process.close(fd);
        read
    });
    let note = match read {
        Err(error) => Some(error.to_string()),
        Ok(()) => is_cut.then(|| format!("only the first {ENTRIES} entries are shown")),
    };
    Event::Directory { path, rows, select, note }
}

fn preview(place: &Place, path: &[u8]) -> KResult<Vec<String>> {
    let process = place.process();
    let line = |bytes: &[u8]| plain(bytes, PREVIEW_COLUMNS).0;
    let stat = process.lstat(path)?;
    match stat.file_type {
        FileType::Symlink => Ok(vec![format!("-> {}", line(&process.readlink(path)?))]),
        FileType::Directory => {
            let fd = process.open(path, OpenFlags::DIRECTORY, Mode::new(0))?;
            let mut lines = Vec::new();
            let read = process.getdents(fd, &mut |entry| {
                if !matches!(entry.name, b"." | b"..") {
                    let slash = if entry.file_type == Some(FileType::Directory) { "/" } else { "" };
                    lines.push(format!("{}{slash}", line(entry.name)));
                }
                lines.len() < PREVIEW_LINES
            });
            process.close(fd)?;
            lines.sort_unstable();
            read.map(|()| lines)
        }
        FileType::Regular => {
            let fd = process.open(path, OpenFlags::NOFOLLOW, Mode::new(0))?;
            let mut bytes = vec![0; PREVIEW_BYTES];
            let read = process.pread(fd, &mut bytes, 0);
            process.close(fd)?;
            bytes.truncate(read?);
            Ok(bytes.split(|&byte| byte == b'\n').take(PREVIEW_LINES).map(line).collect())
        }
        _ => Ok(vec!["(no file)".into()]),
    }
}

fn window(place: &Place, path: Vec<u8>, at: u64) -> Event {
    let process = place.process();
    let start = at.saturating_sub(BEFORE);
    let read = || -> KResult<(u64, Vec<u8>)> {
        let stat = process.stat(&path)?;
        if !matches!(stat.file_type, FileType::Regular) {
            return Err(rumpkit::KError::new(rumpkit::Errno::EINVAL, "has no content to be shown"));
        }
        let fd = process.open(&path, OpenFlags::empty(), Mode::new(0))?;
        let mut bytes = vec![0; BEHIND + (at - start) as usize];
        let read = process.pread(fd, &mut bytes, start);
        process.close(fd)?;
        bytes.truncate(read?);
        Ok((stat.size, bytes))
    };
    let (size, bytes, error) = match read() {
        Ok((size, bytes)) => (size, bytes, None),
        Err(error) => (0, Vec::new(), Some(error.to_string())),
    };
    Event::Window { path, size, window: Window { start, bytes }, error }
}
