//! A server of a kernel, for programs of which it is the remote one.

use crate::rig::{PATIENCE, binary};
use interop::image::Scratch;
use interop::{Check, context};
use rump_client::{Connection, RemoteProcess, Server as Place};
use rump_kern::{MountArgs, Unmount};
use rump_kpi::Mode;
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where its disk is mounted.
const MOUNT_POINT: &str = "/mnt";

/// A `rump_server`, killed at the latest with this.
pub struct Server {
    child: Child,
    scratch: Scratch,
}

impl Server {
    /// One with the components of some libraries.
    pub fn start(libraries: &[&str]) -> Check<Self> {
        let words: Vec<_> = libraries.iter().flat_map(|library| ["-l", library]).collect();
        Self::start_with(&words, Scratch::new("server")?)
    }

    /// One with an image, which is mounted.
    pub fn of_image(image: &Path) -> Check<Self> {
        let drive = format!("key=/dev/disk0,hostpath={},size=host", image.display());
        let words = ["-l", "rumpfs_ext2fs", "-l", "rumpdev_disk", "-d", &drive];
        let server = Self::start_with(&words, Scratch::new("server")?)?;
        let client = server.client()?;
        client.mkdir(MOUNT_POINT, Mode::new(0o755)).map_err(|error| format!("mkdir: {error}"))?;
        let args = MountArgs { source: Some(b"/dev/disk0".to_vec()), ..MountArgs::default() };
        client.mount("ext2fs", MOUNT_POINT, args).map_err(|error| format!("mount: {error}"))?;
        Ok(server)
    }

    fn start_with(words: &[&str], scratch: Scratch) -> Check<Self> {
        let mut command = Command::new(binary()?.with_file_name("rump_server"));
        command.arg("-s").args(words).arg(url_in(&scratch));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { child: context(child, "rump_server")?, scratch };
        let until = Instant::now() + PATIENCE;
        while let Err(why) = server.client() {
            if Instant::now() > until {
                return Err(format!("rump_server: {why}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// Another one at the place of this one, which is killed.
    pub fn replace(mut self, libraries: &[&str]) -> Check<Self> {
        self.kill();
        let scratch = std::mem::replace(&mut self.scratch, Scratch::new("gone")?);
        let words: Vec<_> = libraries.iter().flat_map(|library| ["-l", library]).collect();
        Self::start_with(&words, scratch)
    }

    /// A client that is in no other program.
    pub fn client(&self) -> Check<RemoteProcess> {
        let place = Place::find(&url_in(&self.scratch), None)?;
        let connection = Connection::new(place, "test", |_| {}).map_err(|error| error.to_string())?;
        Ok(RemoteProcess::new(connection.into()))
    }

    /// A program that has the server's kernel behind it.
    pub fn command(&self, words: &[&str]) -> Check<Command> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("RUMP_SERVER", url_in(&self.scratch));
        command.env("LD_PRELOAD", binary()?.with_file_name("librumphijack.so"));
        Ok(command)
    }

    /// Nobody has a file of the disk open, or will soon.
    pub fn lets_go_of_the_disk(&self) -> Check {
        let client = self.client()?;
        let until = Instant::now() + Duration::from_secs(10);
        while let Err(error) = client.unmount(MOUNT_POINT, Unmount::Normal) {
            if Instant::now() > until {
                return Err(format!("the disk stays in use: {error}"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it, as its owner does. It writes what is not written.
    pub fn end(mut self) -> Check {
        let pid = Pid::from_child(&self.child);
        context(kill_process(pid, Signal::TERM).map_err(std::io::Error::from), "rump_server")?;
        let until = Instant::now() + PATIENCE;
        loop {
            match context(self.child.try_wait(), "rump_server")? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("rump_server: {status}")),
                None if Instant::now() > until => return Err("rump_server does not end".into()),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn url_in(scratch: &Scratch) -> String {
    format!("unix://{}", scratch.path("sock").display())
}
