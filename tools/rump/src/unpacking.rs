//! The progress line of what a packed image needs before it can be read at any place: an index, or all of its content. And a word
//! on keys that take long.

use crate::output::escaped;
use crate::session::{Chatter, warn};
use crate::stop::Stop;
use indicatif::{ProgressBar, ProgressStyle};
use rumpkit::image::{Kind, Long, Watch, Work};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What takes no longer than this needs no line.
const PATIENCE: Duration = Duration::from_millis(300);

#[derive(Default)]
struct Shown {
    began: Option<Instant>,
    bar: Option<ProgressBar>,
}

/// Shows it, on a terminal, and ends it when the user wants to stop.
pub fn watch(chatter: Chatter, stop: Stop) -> Watch {
    let shown = Mutex::new(Shown::default());
    Watch::new(move |long| {
        match long {
            Long::Packed(work) => {
                // What was begun is removed when the work ends, not when the program does. Without that it goes on.
                let _ = stop.begin_work();
                if let Ok(mut shown) = shown.lock() {
                    shown.update(work, chatter);
                }
                if work.done == work.of {
                    stop.end_work();
                }
            }
            Long::Key(what) if chatter == Chatter::Usual && std::io::stderr().is_terminal() => {
                warn(&format!("deriving the key of {what} ..."));
            }
            Long::Key(_) => {}
        }
        !stop.is_wanted()
    })
}

impl Shown {
    fn update(&mut self, work: &Work<'_>, chatter: Chatter) {
        let name = escaped(work.name.as_bytes());
        let began = *self.began.get_or_insert_with(Instant::now);
        let is_done = work.done == work.of;
        if self.bar.is_none() && !is_done && began.elapsed() > PATIENCE && chatter == Chatter::Usual {
            self.bar = std::io::stderr().is_terminal().then(|| bar(work, &name));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(work.done);
        }
        if is_done {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            self.began = None;
            if work.kind == Kind::Unpacked && chatter == Chatter::Usual {
                warn(&format!("{name}: cannot be read from the middle; it was unpacked as a whole"));
            }
        }
    }
}

fn bar(work: &Work<'_>, name: &str) -> ProgressBar {
    let bar = ProgressBar::new(work.of);
    let template = "{wide_msg} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    // The template is constant; without it the line only looks plainer.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(match work.kind {
        Kind::Index => format!("{name}: indexing"),
        Kind::Unpacked => format!("{name}: unpacking"),
    });
    bar
}
