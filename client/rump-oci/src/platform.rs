//! Platforms of images: `OS/ARCHITECTURE[/VARIANT]`, in the words of Go.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// See the module.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

impl Platform {
    /// What programs of this host are for, in a container.
    pub fn of_host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "loongarch64" => "loong64",
            "mips64" if cfg!(target_endian = "little") => "mips64le",
            other => other,
        };
        // Containers of other systems run Linux's, too.
        Self { os: "linux".into(), architecture: architecture.into(), variant: None }
    }

    /// Whether something is known.
    pub fn is_known(&self) -> bool {
        !matches!(&*self.os, "" | "unknown") && !self.architecture.is_empty()
    }

    /// Whether it says of itself that it is no system: what is attached to an image, such as where it comes from.
    pub fn is_of_no_system(&self) -> bool {
        self.os == "unknown"
    }

    /// Whether an image for `self` is what somebody wants who asks for `wanted`.
    pub fn fits(&self, wanted: &Self) -> bool {
        let variant = |platform: &Self| match (&*platform.architecture, platform.variant.as_deref()) {
            // There is one only, and some leave it out.
            ("arm64", Some("v8")) | (_, Some("") | None) => None,
            (_, Some(variant)) => Some(variant.to_string()),
        };
        let is_same = self.os == wanted.os && self.architecture == wanted.architecture;
        is_same && (variant(wanted).is_none() || variant(self) == variant(wanted))
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split('/').map(str::to_string);
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some(os), Some(architecture), variant, None) if !os.is_empty() && !architecture.is_empty() => {
                Ok(Self { os, architecture, variant })
            }
            _ => Err("OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64".into()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match self.variant.as_deref() {
            None | Some("") => Ok(()),
            Some(variant) => write!(f, "/{variant}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_no_variant_takes_any() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        assert!(platform("linux/arm/v7").fits(&platform("linux/arm")));
        assert!(!platform("linux/arm/v7").fits(&platform("linux/arm/v6")));
        assert!(platform("linux/arm64").fits(&platform("linux/arm64/v8")));
        assert!(platform("linux/arm64/v8").fits(&platform("linux/arm64")));
        assert!(!platform("windows/amd64").fits(&platform("linux/amd64")));
        for text in ["linux", "linux/", "/amd64", "a/b/c/d"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
        assert!(Platform::of_host().is_known());
    }
}
