//! Clients of a server: the installed one, and programs that serve.

use super::programs::{Linkage, Programs, Run};
use crate::Outcome;
use crate::build::absolute;
use crate::options::Options;
use crate::run::output;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A place for a server's socket. Paths of sockets are short, those of folders of objects may not be.
pub struct Place(PathBuf);

impl Place {
    /// One of its own by a name.
    pub fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("rump-proof-{}-{name}", std::process::id())))
    }

    /// Where clients come.
    pub fn url(&self) -> String {
        format!("unix://{}", self.0.display())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Starts a server, which a client halts, once for each way that the client is linked.
pub fn run(options: &Options, programs: &Programs) -> Outcome {
    let server = absolute(&options.destination.join("bin/rump_server"))?;
    programs.each("simpleclient", |client| {
        let place = Place::new("server");
        output(Command::new(&server).arg(place.url()))?;
        if let Err(why) = visit(client, &place, &[]) {
            // Nobody else would.
            let _ = halt(programs, &place);
            return Err(why);
        }
        let until = Instant::now() + PATIENCE;
        while place.0.exists() {
            if Instant::now() > until {
                return Err("the server does not end".to_string());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    })
}

/// Halts what serves there.
pub fn halt(programs: &Programs, place: &Place) -> Outcome {
    visit(&programs.run("simpleclient", Linkage::Static)?, place, &["halt"])
}

fn visit(client: &Run, place: &Place, arguments: &[&str]) -> Outcome {
    output(client.command(arguments).env("RUMP_SERVER", place.url())).map(drop)
}
