//! What to make: the size that fits, and the identifier and time that follow from the content.

use super::options::{Identifier, Slack, as_uuid};
use super::target::Target;
use super::{Args, Tree};
use crate::fill::measure::{Depth, Layout, Measure, Needs};
use crate::fill::rules::{Ruled, Rules};
use crate::session::Failure;
use crate::stop::Stop;
use rumpkit::mkfs::{Inodes, Request, Summary, plan};
use rumpkit::{Errno, KError, TimeSpec};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};

/// Block size of an image whose size is not given.
const FITTING_BLOCK_SIZE: u32 = 4096;
const DEFAULT_INODE_SIZE: u16 = 256;
/// Inodes that are no files, and lost+found.
const OWN_INODES: u64 = 12;
/// What is kept free beyond the count, for maps that grow in the middle of work, and as a share.
const SPARE_BLOCKS: u64 = 64;
const SPARE_SHARE: u64 = 100;
const TRIES: usize = 200;

/// See the module.
pub struct Plan {
    /// What is asked for.
    pub request: Request,
    /// What it gives.
    pub summary: Summary,
}

impl Plan {
    /// Plans; the source is passed once if its content or size matters.
    pub fn new(
        args: &Args,
        target: &Target,
        source: Option<&mut Tree>,
        rules: &mut Rules,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let identifier = args.uuid.unwrap_or(match args.reproducible {
            true => Identifier::Derived,
            false => Identifier::Random,
        });
        let is_deep = args.reproducible || identifier == Identifier::Derived;
        let mut request = Request::new(0, [0; 16], [0; 16], TimeSpec::default());
        request.label = args.label.clone();
        request.features = args.features.clone();
        (request.block_size, request.inode_size) = (args.block_size, args.inode_size);
        request.journal_bytes = args.journal.map(|size| size.0);
        request.inodes = args.inodes.map_or(Inodes::Default, Inodes::Count);
        request.reserved_percent = args.reserved.unwrap_or(if args.fit { 0 } else { 5 });
        if args.fit && request.block_size.is_none() {
            request.block_size = Some(FITTING_BLOCK_SIZE);
        }
        let (mut needs, mut digest) = (Needs::default(), [0; 32]);
        if let Some(source) = source.filter(|_| args.fit || is_deep) {
            let depth = if is_deep { Depth::Content } else { Depth::Sizes };
            let layout = layout(args, &request)?;
            source.keep()?;
            (needs, digest) = measure(source, rules, layout, depth, stop)?;
        }
        request.now = now(args, rules, &needs);
        rules.now = request.now;
        identify(&mut request, args, identifier, &digest)?;
        if args.fit {
            return fit(args, target, request, &needs);
        }
        request.size_bytes = target.size(args.size.map(|size| size.0))?;
        let summary = plan(&args.format, &request).map_err(|error| refused(args, target, error))?;
        Ok(Self { request, summary })
    }
}

fn measure(
    source: &mut Tree,
    rules: &Rules,
    layout: Layout,
    depth: Depth,
    stop: &Stop,
) -> Result<(Needs, [u8; 32]), Failure> {
    let mut measure = Measure::new(layout, depth, stop.clone());
    let mut ruled = Ruled::new(rules, &mut measure);
    source.source().run(&mut ruled)?;
    ruled.finish()?;
    Ok(measure.finish())
}

/// What the space of files depends on; a volume of any size tells.
fn layout(args: &Args, request: &Request) -> Result<Layout, Failure> {
    let request = Request { size_bytes: 1 << 30, ..request.clone() };
    let sample =
        plan(&args.format, &request).map_err(|error| Failure::Usage(format!("{}: {error}", args.format)))?;
    Ok(Layout {
        block_size: sample.block_size.into(),
        inode_size: args.inode_size.unwrap_or(DEFAULT_INODE_SIZE).into(),
        has_extents: sample.features.iter().any(|name| name.starts_with("extent")),
    })
}

fn now(args: &Args, rules: &Rules, needs: &Needs) -> TimeSpec {
    if args.reproducible {
        return rules.latest.unwrap_or(needs.latest.max(TimeSpec::default()));
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeSpec { sec: since.as_secs() as i64, nsec: since.subsec_nanos() }
}

fn identify(
    request: &mut Request,
    args: &Args,
    identifier: Identifier,
    digest: &[u8; 32],
) -> Result<(), Failure> {
    let derived = |purpose: &str| {
        let mut hash = Sha256::new();
        for word in [purpose.as_bytes(), args.format.as_bytes(), args.label.as_bytes(), digest] {
            hash.update((word.len() as u64).to_le_bytes());
            hash.update(word);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        bytes
    };
    let random = || {
        let mut bytes = [0; 16];
        let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
        match filled {
            Ok(16) => Ok(bytes),
            Ok(_) => Err(Failure::Other("no random bytes".into())),
            Err(error) => Err(Failure::Other(format!("random bytes: {error}"))),
        }
    };
    request.uuid = match identifier {
        Identifier::Given(uuid) => uuid,
        Identifier::Random => as_uuid(random()?, 4),
        Identifier::Derived => as_uuid(derived("uuid"), 8),
    };
    request.hash_seed = if args.reproducible { derived("hash seed") } else { random()? };
    Ok(())
}

/// The smallest size whose free space holds what is needed. It grows by what is lacking until nothing is.
fn fit(args: &Args, target: &Target, mut request: Request, needs: &Needs) -> Result<Plan, Failure> {
    let block_size = u64::from(request.block_size.unwrap_or(FITTING_BLOCK_SIZE));
    let slack = args.slack.unwrap_or(Slack::Percent(0));
    let sure = needs.blocks + needs.blocks / SPARE_SHARE + SPARE_BLOCKS;
    let blocks = sure.saturating_add(slack.blocks(sure, block_size));
    let inodes = match slack {
        Slack::Percent(_) => needs.inodes + slack.blocks(needs.inodes, 1),
        Slack::Bytes(_) => needs.inodes,
    };
    if args.inodes.is_none() {
        let count = u32::try_from(inodes + OWN_INODES).map_err(|_| too_large(target))?;
        request.inodes = Inodes::Count(count);
    }
    let mut size = blocks;
    for _ in 0..TRIES {
        request.size_bytes = size.checked_mul(block_size).ok_or_else(|| too_large(target))?;
        match plan(&args.format, &request) {
            Ok(summary) if summary.free_blocks >= blocks => {
                if u64::from(summary.free_inodes) < needs.inodes {
                    let what = format!("{} inodes are too few for {} files", summary.inodes, needs.inodes);
                    return Err(Failure::Usage(what));
                }
                request.size_bytes = target.size(Some(request.size_bytes))?;
                return Ok(Plan { request, summary });
            }
            Ok(summary) => size += blocks - summary.free_blocks,
            Err(error) if error.errno == Errno::ENOSPC => size += size / 8 + 1,
            Err(error) => return Err(refused(args, target, error)),
        }
    }
    Err(too_large(target))
}

fn too_large(target: &Target) -> Failure {
    Failure::Other(format!("{}: no size fits the source", target.name()))
}

fn refused(args: &Args, target: &Target, error: KError) -> Failure {
    match error.errno {
        Errno::EINVAL | Errno::ENOTSUP | Errno::ENODEV => Failure::Usage(format!("{}: {error}", args.format)),
        _ => Failure::Other(format!("{}: {error}", target.name())),
    }
}
