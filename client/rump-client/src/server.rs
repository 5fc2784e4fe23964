//! Where a server is, and what it wants to be known.

use rump_sysproxy::seal::Key;
use rump_sysproxy::url::Url;
use std::path::Path;

/// Where a server is.
#[derive(Clone)]
pub struct Server {
    /// Where it is.
    pub url: Url,
    /// What it wants to be known, at `tcp` and `tcp6`.
    pub key: Option<Key>,
}

impl From<Url> for Server {
    fn from(url: Url) -> Self {
        Self { url, key: None }
    }
}

impl Server {
    /// By a URL and the file of a key, which is looked at where a server may want one. Errors: a URL or a file that is none,
    /// in words.
    pub fn find(url: &str, key: Option<&Path>) -> Result<Self, String> {
        let cwd = std::env::current_dir().map_err(|error| format!("the working directory: {error}"))?;
        let url = Url::parse(url, &cwd).map_err(|error| error.to_string())?;
        let key = key
            .filter(|_| matches!(url, Url::Tcp(_)))
            .map(|path| Key::from_file(path).map_err(|error| format!("the key {}: {error}", path.display())));
        Ok(Self { url, key: key.transpose()? })
    }

    /// That of `RUMP_SERVER` and `RUMP_SERVER_KEY`. None: there is no such variable. Errors: as [`Server::find`].
    pub fn from_environment() -> Option<Result<Self, String>> {
        let url = std::env::var_os("RUMP_SERVER")?;
        let key = std::env::var_os("RUMP_SERVER_KEY");
        let text = url.to_str().ok_or_else(|| "RUMP_SERVER is no text".to_string());
        Some(text.and_then(|url| Self::find(url, key.as_deref().map(Path::new))))
    }
}
