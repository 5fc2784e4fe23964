//! Where the one interface of a command is.

use super::capture::Captured;
use super::station::PATIENCE;
use crate::session::Failure;
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::hyper::Hypervisor;
use rumpkit::net::Link;
use rumpkit::net::config::{Applied, Config, InterfaceConfig};
use rumpkit::net::link::Opened;
use rumpkit::{Kernel, PosixHost};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// The options that name a link.
#[derive(ClapArgs)]
pub struct LinkArgs {
    /// Where the interface is: shmif:PATH, lanes:PATH, tap:NAME and others, which 'rump net --help' lists
    #[arg(long = "if", value_name = "LINK", value_hint = ValueHint::Other)]
    link: Option<OsString>,
    /// A file that describes the network, with one interface that has a link
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "link")]
    config: Option<PathBuf>,
}

/// Reads a link. Errors: usage.
pub fn parse(text: &OsStr) -> Result<Link, Failure> {
    Link::parse(text.as_bytes()).map_err(|error| Failure::Usage(format!("--if: {error}")))
}

/// What is at a link. Errors: those of the device.
pub fn open(link: &Link, host: &Arc<PosixHost>) -> Result<Opened, Failure> {
    let host: Arc<dyn Hypervisor> = host.clone();
    link.open(&host).map_err(|error| Failure::Network(format!("{link}: {error}")))
}

impl LinkArgs {
    /// What is at the link. Errors: usage, those of the device.
    pub fn open(&self, host: &Arc<PosixHost>) -> Result<Opened, Failure> {
        let config = self.config()?;
        let link = config.interfaces.iter().find_map(|interface| interface.link.as_ref());
        open(link.ok_or_else(|| Failure::Usage("there is no link".into()))?, host)
    }

    /// A network with this interface, which is the only one with a link. Errors: usage, what is wrong with the file.
    pub fn config(&self) -> Result<Config, Failure> {
        match (&self.link, &self.config) {
            (Some(link), _) => {
                let interface = InterfaceConfig { link: Some(parse(link)?), ..InterfaceConfig::new("if0") };
                Ok(Config { interfaces: vec![interface], ..Config::default() })
            }
            (None, Some(path)) => {
                let config = Config::from_file(path).map_err(|error| Failure::Network(error.to_string()))?;
                match config.interfaces.iter().filter(|interface| interface.link.is_some()).count() {
                    1 => Ok(config),
                    count => {
                        let text = format!("{}: {count} interfaces have links, not one", path.display());
                        Err(Failure::Usage(text))
                    }
                }
            }
            (None, None) => Err(Failure::Usage("--if or --config is missing".into())),
        }
    }
}

/// A kernel on the host. Errors: those of booting.
pub fn boot(host: &Arc<PosixHost>) -> Result<Kernel, Failure> {
    rumpkit::kernel(host.clone()).map_err(|error| Failure::Network(format!("boot: {error}")))
}

/// Configures a kernel, and waits until it has the addresses that it asks for; all that passes meanwhile is captured.
/// Errors: what could not be done.
pub fn apply(config: &Config, kernel: &Kernel, captured: &mut Captured) -> Result<Applied, Failure> {
    let applied = config.apply_watched(kernel, |name| captured.listen(kernel, name));
    let applied = applied.map_err(|error| Failure::Network(error.to_string()))?;
    applied.wait(PATIENCE).map_err(|error| Failure::Network(error.to_string()))?;
    Ok(applied)
}
