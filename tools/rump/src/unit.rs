//! The unit that sizes are shown in, where programs like df and du let one choose.

use crate::units;
use clap::Args as ClapArgs;

/// Flags, of which the last one counts.
#[derive(ClapArgs)]
pub struct Unit {
    /// Sizes for people: 1.5K, 12M
    #[arg(short = 'h', long, overrides_with_all = ["gibibytes", "kibibytes", "mebibytes"])]
    pub human_readable: bool,
    /// In GiB
    #[arg(short = 'g', overrides_with_all = ["human_readable", "kibibytes", "mebibytes"])]
    pub gibibytes: bool,
    /// In KiB (the default)
    #[arg(short = 'k', overrides_with_all = ["human_readable", "gibibytes", "mebibytes"])]
    pub kibibytes: bool,
    /// In MiB
    #[arg(short = 'm', overrides_with_all = ["human_readable", "gibibytes", "kibibytes"])]
    pub mebibytes: bool,
}

impl Unit {
    /// A size, in whole units, rounded up.
    pub fn text(&self, bytes: u64) -> String {
        match self {
            Self { human_readable: true, .. } => units::human(bytes),
            Self { gibibytes: true, .. } => bytes.div_ceil(1 << 30).to_string(),
            Self { mebibytes: true, .. } => bytes.div_ceil(1 << 20).to_string(),
            _ => bytes.div_ceil(1 << 10).to_string(),
        }
    }
}
