//! The server that a program talks to.

use clap::Args;
use rump_client::Connection;
use rump_sysproxy::seal::Key;
use rump_sysproxy::url::Url;
use std::path::PathBuf;

/// How a program shows a server that it may come in.
#[derive(Args, Clone, Debug)]
pub struct KeyArgs {
    /// What the server at tcp:// or tcp6:// wants to be known: a file of 32 bytes
    #[arg(long, value_name = "FILE", env = "RUMP_SERVER_KEY", hide_env_values = true)]
    key: Option<PathBuf>,
}

impl KeyArgs {
    /// A fresh process, of a program of a name, at a server. Errors: in words, what is wrong with the URL or the key, or why
    /// there is no connection.
    pub fn connect(&self, url: &str, name: &str) -> Result<Connection, String> {
        let cwd = std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?;
        let url = Url::parse(url, &cwd).map_err(|error| error.to_string())?;
        let key =
            self.key.as_ref().filter(|_| matches!(url, Url::Tcp(_))).map(|path| {
                Key::from_file(path).map_err(|error| format!("the key {}: {error}", path.display()))
            });
        Connection::with_key(url, key.transpose()?, name, |_| ()).map_err(|error| error.to_string())
    }
}
