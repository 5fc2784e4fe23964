//! A server of a kernel, for programs of which it is the remote one.

use crate::rig::{PATIENCE, binary};
use interop::image::Scratch;
use interop::{Check, context};
use rump_client::{Connection, RemoteProcess, Server as Place};
use rump_kern::{MountArgs, Unmount};
use rump_kpi::Mode;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where its disk is mounted.
const MOUNT_POINT: &str = "/mnt";

/// A `rump_server`, killed at the latest with this.
pub struct Server {
    child: Child,
    scratch: Scratch,
    place: Address,
}

/// Where it is, and what it wants to be known.
#[derive(Clone)]
struct Address {
    url: String,
    key: Option<PathBuf>,
}

impl Address {
    /// A socket in a folder.
    fn in_folder(scratch: &Scratch) -> Self {
        Self { url: format!("unix://{}", scratch.path("sock").display()), key: None }
    }

    /// A port of this host that is free, with a key.
    fn sealed(scratch: &Scratch) -> Check<Self> {
        let key = scratch.path("key");
        context(std::fs::write(&key, [7; 32]), "the key")?;
        context(std::fs::set_permissions(&key, Permissions::from_mode(0o600)), "the key")?;
        let free = context(TcpListener::bind("127.0.0.1:0"), "a port")?;
        let address = context(free.local_addr(), "a port")?;
        Ok(Self { url: format!("tcp://{address}"), key: Some(key) })
    }
}

impl Server {
    /// One with the components of some libraries.
    pub fn start(libraries: &[&str]) -> Check<Self> {
        let scratch = Scratch::new("server")?;
        let place = Address::in_folder(&scratch);
        Self::start_with(&of_libraries(libraries), scratch, place)
    }

    /// One over the network, that lets in who has its key.
    pub fn start_sealed(libraries: &[&str]) -> Check<Self> {
        let scratch = Scratch::new("server")?;
        let place = Address::sealed(&scratch)?;
        Self::start_with(&of_libraries(libraries), scratch, place)
    }

    /// One with an image, which is mounted, and a network of its own.
    pub fn of_image(image: &Path) -> Check<Self> {
        let drive = format!("key=/dev/disk0,hostpath={},size=host", image.display());
        let words = ["-l", "rumpfs_ext2fs", "-l", "rumpdev_disk", "-l", "rumpnet_netinet", "-d", &drive];
        let scratch = Scratch::new("server")?;
        let place = Address::in_folder(&scratch);
        let server = Self::start_with(&words, scratch, place)?;
        let client = server.client()?;
        client.mkdir(MOUNT_POINT, Mode::new(0o755)).map_err(|error| format!("mkdir: {error}"))?;
        let args = MountArgs { source: Some(b"/dev/disk0".to_vec()), ..MountArgs::default() };
        client.mount("ext2fs", MOUNT_POINT, args).map_err(|error| format!("mount: {error}"))?;
        Ok(server)
    }

    fn start_with(words: &[&str], scratch: Scratch, place: Address) -> Check<Self> {
        let mut command = Command::new(binary()?.with_file_name("rump_server"));
        command.arg("-s").args(words);
        if let Some(key) = &place.key {
            command.arg("--key").arg(key);
        }
        command.arg(&place.url);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let server = Self { child: context(child, "rump_server")?, scratch, place };
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
        Self::start_with(&of_libraries(libraries), scratch, self.place.clone())
    }

    /// A client that is in no other program.
    pub fn client(&self) -> Check<RemoteProcess> {
        let place = Place::find(&self.place.url, self.place.key.as_deref())?;
        let connection = Connection::new(place, "test", |_| {}).map_err(|error| error.to_string())?;
        Ok(RemoteProcess::new(connection.into()))
    }

    /// A program that has the server's kernel behind it.
    pub fn command(&self, words: &[&str]) -> Check<Command> {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("RUMP_SERVER", &self.place.url);
        if let Some(key) = &self.place.key {
            command.env("RUMP_SERVER_KEY", key);
        }
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

fn of_libraries<'a>(libraries: &[&'a str]) -> Vec<&'a str> {
    libraries.iter().flat_map(|library| ["-l", library]).collect()
}
