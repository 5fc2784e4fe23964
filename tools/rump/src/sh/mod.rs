//! `rump sh`: the commands on an image that stays open, for people and for scripts.
//!
//! Every command is the one that `rump` has, with its flags; paths are those of the image, from the directory that the
//! shell is in. The image is opened once, for reading unless -w is given, and closed on every way out: nothing is left to be
//! written when the shell has ended.

pub mod base;
mod commands;
mod complete;
mod editor;
mod expand;
mod history;
mod input;
mod shell;
mod words;

pub use commands::parse;

use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use editor::Editor;
use input::Lines;
use rump_cli::signals::heeded;
use rumpkit::hyper::Access;
use rustix::process::{Signal, getpid, kill_process};
use shell::{Flow, Shell};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Arguments of `rump sh`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump sh disk.img@2:/etc
  rump sh -w disk.img -c 'mkdir -p srv; put -r ./site srv'
  echo 'ls -l; sum *' | rump sh disk.img
Commands are those of rump, with their flags: ls cat stat tree find diff du df sum info, and with -w cp mv rm mkdir rmdir ln
chmod chown touch truncate edit and more; cd, pwd, lcd, lpwd, get, put, echo, help and exit are the shell's own. get copies to
this host, put into the image; lcd changes the directory of this host. Words are quoted as in sh(1), * ? and [ ] stand for
names in the image, $? is the status of the last command, ; ends a command and # begins a comment. IMAGE:/PATH is in another
image. Ctrl-C ends a command, Ctrl-D the shell; Tab completes. The last lines are kept in $XDG_STATE_HOME/rump/history, but for
those that begin with a space.
Exit status: that of the last command. With -c, and of lines that no person types, the first command that fails ends the
shell.")]
pub struct Args {
    /// Open the image for writing, too
    #[arg(short, long)]
    write: bool,
    /// Run these commands instead of asking for some
    #[arg(short, value_name = "COMMANDS")]
    commands: Option<OsString>,
    /// Go on when a command fails, which the exit status tells in the end
    #[arg(short, long)]
    keep_going: bool,
    /// The image, a part of it, or a directory in that, as every address
    #[arg(value_name = "ADDRESS", value_hint = ValueHint::AnyPath)]
    address: OsString,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let is_asked = args.commands.is_none() && std::io::stdin().is_terminal();
    // Its handlers of signals come first: those that end commands call them.
    let mut editor = if is_asked { Editor::new() } else { None };
    let ending = watch(session)?;
    let access = if args.write { Access::ReadWrite } else { Access::Read };
    let mut shell = Shell::begin(session, output, &args.address, access)?;
    let done = match (&args.commands, &mut editor) {
        (Some(commands), _) => {
            let mut given = Some(commands.as_bytes().to_vec());
            run_lines(&mut shell, args.keep_going, &ending, &mut |_| Ok(given.take()))
        }
        (None, Some(editor)) => ask(&mut shell, editor, &ending),
        (None, None) => {
            let mut lines = Lines::default();
            run_lines(&mut shell, args.keep_going || is_asked, &ending, &mut |shell| {
                if is_asked {
                    shell.output.write_all(shell.prompt().as_bytes())?;
                    shell.output.flush()?;
                }
                lines.next(&|| ending.load(Ordering::Relaxed))
            })
        }
    };
    let status = shell.status;
    if let Some(editor) = &mut editor {
        editor.forget();
    }
    drop(shell);
    // As long as the editor is there, no signal ends the program by itself.
    session.close();
    done?;
    if ending.load(Ordering::Relaxed) {
        return Err(Failure::Terminated("terminated".into()));
    }
    if status == 0 { Ok(()) } else { Err(Failure::Told(status)) }
}

/// Has signals end commands, and answers what is set once the shell is to end as well.
fn watch(session: &mut Session) -> Result<Arc<AtomicBool>, Failure> {
    let cannot = |error| Failure::Other(format!("cannot watch for signals: {error}"));
    session.stop.watch()?;
    let ending = Arc::new(AtomicBool::new(false));
    for signal in heeded([SIGTERM, SIGHUP]) {
        signal_hook::flag::register(signal, ending.clone()).map_err(cannot)?;
    }
    let mut signals = signal_hook::iterator::Signals::new(heeded([SIGTERM, SIGHUP])).map_err(cannot)?;
    std::thread::spawn(move || {
        // The editor notes the first of these, and the second ends its waiting for keys, so that it sees the first. Without an
        // editor nobody hears the second.
        if signals.forever().next().is_some() {
            let _ = signal_hook::low_level::raise(SIGINT);
            // One that comes just before the editor waits is lost. The program ends, and this thread with it.
            loop {
                let _ = kill_process(getpid(), Signal::WINCH);
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    });
    Ok(ending)
}

/// Runs lines of a person.
fn ask(shell: &mut Shell<'_>, editor: &mut Editor, ending: &AtomicBool) -> Result<(), Failure> {
    while !ending.load(Ordering::Relaxed) {
        let Some(line) = editor.line(shell)? else { break };
        if shell.line(line.as_bytes(), true)? == Flow::Leave {
            break;
        }
    }
    Ok(())
}

/// Where lines come from.
type Next<'a> = &'a mut dyn FnMut(&mut Shell<'_>) -> std::io::Result<Option<Vec<u8>>>;

/// Runs lines that no editor gives.
fn run_lines(
    shell: &mut Shell<'_>,
    keeps_going: bool,
    ending: &AtomicBool,
    next: Next<'_>,
) -> Result<(), Failure> {
    let mut worst = 0;
    let failed = |error| Failure::Other(format!("standard input: {error}"));
    while let Some(line) = next(shell).map_err(failed)? {
        let flow = shell.line(&line, keeps_going)?;
        if shell.failed != 0 {
            worst = shell.failed;
        }
        if flow == Flow::Leave || ending.load(Ordering::Relaxed) || shell.is_interrupted() {
            return Ok(());
        }
        if worst != 0 && !keeps_going {
            break;
        }
    }
    shell.status = worst;
    Ok(())
}
