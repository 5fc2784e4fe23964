//! `rump mkfs`: makes a file system in an image, and fills it.
//!
//! With `--fit` or `--reproducible` the source is passed twice: first to measure it, then to fill the image. All
//! that can be wrong with the options is found before the image is touched.

mod fit;
mod options;
mod plan;
mod target;

use crate::container::Chosen;
use crate::fill::image::Filler;
use crate::fill::rules::{Ruled, Rules};
use crate::fill::table::Table;
use crate::outcome::Wanted;
use crate::output::{Output, escaped};
use crate::session::{Failure, Session};
use crate::source::Tree;
use clap::Args as ClapArgs;
use clap::ValueHint;
use clap::builder::PossibleValuesParser;
use options::{Identifier, Owner, Size, Slack};
use plan::Plan;
use rumpkit::hyper::Hypervisor;
use rumpkit::image::Image;
use rumpkit::kpi::BlockDevice;
use rumpkit::mkfs::{Summary, Unflushed, Zeroed, make};
use rumpkit::{FixedClock, KError, TimeSpec};
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use target::Target;

/// Arguments of `rump mkfs`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump mkfs ext4 disk.img --size 2G
  rump mkfs ext4 root.img --fit --slack 10% --from rootfs.tar.zst
  rump mkfs ext4 disk.img@2 --from ./rootfs --owner 0:0 --map devices.txt
  rump mkfs vfat esp.img --size 64M -L BOOT -d ./efi
  docker export box | rump mkfs ext4 box.img --fit --from -
  skopeo copy docker://debian oci:deb && rump mkfs ext4 deb.img --fit --slack 1G --from oci:deb
  SOURCE_DATE_EPOCH=0 rump mkfs ext4 root.img --fit --reproducible --from ./rootfs

A new image is a sparse file. What holds a file system or a partition table already is left alone without --force.
IMAGE@N, IMAGE+OFFSET and --offset mean a part of an image, of which the rest stays as it is.

A source is a directory, an archive (ustar, pax, GNU tar; plain, gzip, zstd, xz, bzip2), or an image of a container:
an OCI layout, as a directory or an archive of it, or what docker save writes. Its layers are applied one upon another,
and every digest is checked before the image is touched. Content tells what a source is; oci:DIR[:TAG],
oci-archive:FILE[:TAG], docker-archive:FILE[:TAG], dir:DIR and tar:FILE say it. Owners, modes, devices,
hard links, holes, times and extended attributes are those of the source: of a directory those that this host tells,
unless --owner gives everything to one. A --map is a device table as genext2fs, mkfs.jffs2 and Buildroot take it:
  # path      type mode uid gid major minor start step count
  /dev/null   c    666  0   0   1     3
  /bin/su     f    4755 0   0
  /var/log    r    -    4   4
where d, c, b and p make what is not there, f changes a file, r a whole tree, and - leaves a field as it is.

--fit takes the smallest size that is sure to hold the source, and the --slack of free space besides. With
--reproducible the same source gives the same bytes: no time is later than SOURCE_DATE_EPOCH (else the latest of the
source is the time of everything), times of access are those of changes, UUID and hash seed follow from the content.

vfat is FAT12, FAT16 or FAT32 by its size, or as --fat says. It and exfat have no owners, modes, extended attributes
and hard links: those are left out, and links become copies; symbolic links and devices are reported, and so is a name
that differs from another one in case alone. Their labels have 11 characters (of vfat, in upper case and code page
437), their identifiers look like 1234-ABCD.")]
pub struct Args {
    /// What to make: ext2, ext3, ext4, vfat or exfat
    #[arg(
        value_name = "FORMAT",
        hide_possible_values = true,
        value_parser = PossibleValuesParser::new(rumpkit::mkfs::formats())
    )]
    format: String,
    /// Where: a file, made if it is not there, a block device, or a part of either
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    image: OsString,
    /// Length, such as 500M or 2G; else all there is
    #[arg(long, conflicts_with = "fit")]
    size: Option<Size>,
    /// As small as the source allows
    #[arg(long, requires = "from")]
    fit: bool,
    /// With --fit: free space to add, in percent or as a size
    #[arg(long, value_name = "P%|SIZE", requires = "fit")]
    slack: Option<Slack>,
    /// Begin at this byte of the image
    #[arg(long, value_name = "BYTES")]
    offset: Option<Size>,
    /// Fill it from a directory, an archive, an image of a container, or what comes on standard input (-)
    #[arg(long, short = 'd', value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    from: Option<OsString>,
    #[command(flatten)]
    chosen: Chosen,
    /// Volume label
    #[arg(long, short = 'L', default_value = "")]
    label: String,
    /// Identifier: a UUID (of vfat and exfat: 1234-ABCD), random, or derived from the content
    #[arg(long, short = 'U', value_name = "UUID|random|derived")]
    uuid: Option<Identifier>,
    /// Features as mke2fs takes them, such as ^has_journal,inline_data
    #[arg(long, short = 'O', default_value = "", allow_hyphen_values = true)]
    features: String,
    /// Bytes of a block; of a cluster with vfat and exfat
    #[arg(long, short = 'b', visible_alias = "cluster-size", value_name = "BYTES")]
    block_size: Option<u32>,
    /// Bytes of a sector, with vfat and exfat; 512 if not given
    #[arg(long, value_name = "BYTES")]
    sector_size: Option<u32>,
    /// With vfat: bits of an entry of the table, 12, 16 or 32
    #[arg(long, value_name = "BITS")]
    fat: Option<u8>,
    /// Bytes of an inode
    #[arg(long, short = 'I', value_name = "BYTES")]
    inode_size: Option<u16>,
    /// How many inodes
    #[arg(long, short = 'N', value_name = "COUNT")]
    inodes: Option<u32>,
    /// Length of the journal
    #[arg(long, value_name = "SIZE")]
    journal: Option<Size>,
    /// Percent of the space that is kept for root; 5, or 0 with --fit
    #[arg(long, short = 'm', value_name = "PERCENT")]
    reserved: Option<u8>,
    /// Who owns everything, as numbers
    #[arg(long, value_name = "UID:GID")]
    owner: Option<Owner>,
    /// A table of owners, modes and devices
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    map: Option<PathBuf>,
    /// The same bytes for the same source
    #[arg(long)]
    reproducible: bool,
    /// Overwrite what is there
    #[arg(long, short = 'F')]
    force: bool,
    /// Say what would be made, and make nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    #[command(flatten)]
    wanted: Wanted,
}

/// What was made, or would be.
#[derive(Serialize)]
struct Report {
    format: String,
    image: String,
    offset: u64,
    size: u64,
    uuid: String,
    label: String,
    block_size: u32,
    blocks: u64,
    free_blocks: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free_inodes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal_blocks: Option<u32>,
    features: Vec<String>,
    notes: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    session.outcome.ask(args.wanted.json, args.dry_run);
    session.stop.watch()?;
    let stop = session.stop.clone();
    let mut rules = rules(args)?;
    let target = Target::find(&args.image, args.offset.map(|size| size.0), session)?;
    target.check_free(args.force)?;
    let mut source = match &args.from {
        Some(from) => Some(Tree::open(from, &args.chosen.choice(), Some(target.path()), &stop)?),
        None if !args.chosen.choice().is_any() => {
            return Err(Failure::Usage("--tag and --platform: say --from what".into()));
        }
        None => None,
    };
    let plan = Plan::new(args, &target, source.as_mut(), &mut rules, &stop)?;
    let report = match args.dry_run {
        true => report(args, &target, &plan),
        false => build(args, (&target, &plan), source, &rules, session)?,
    };
    print(args, &report, session, out)
}

fn rules(args: &Args) -> Result<Rules, Failure> {
    let table = match &args.map {
        None => Table::default(),
        Some(path) => {
            let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
            let text = std::fs::read(path).map_err(|error| Failure::Other(named(&error)))?;
            Table::parse(&text).map_err(|why| Failure::Usage(named(&why)))?
        }
    };
    let latest = if args.reproducible { options::source_date_epoch()? } else { None };
    Ok(Rules {
        owner: args.owner.map(|owner| (owner.uid, owner.gid)),
        latest,
        without_access_times: args.reproducible,
        now: latest.unwrap_or_default(),
        table,
    })
}

/// A source on its way into a new image.
struct Filling<'a> {
    tree: Tree,
    rules: &'a Rules,
    is_reproducible: bool,
    now: TimeSpec,
    name: String,
}

impl Filling<'_> {
    /// Fills what was made on `device`.
    fn fill(
        mut self,
        device: Arc<dyn BlockDevice>,
        session: &mut Session,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut host: Arc<dyn Hypervisor> = session.host().clone();
        if self.is_reproducible {
            host = FixedClock::new(host, self.now);
        }
        let image =
            Image::on_device(host, device).map_err(|error| Failure::Open(self.name.clone(), error))?;
        session.show_progress();
        let filled = self.fill_image(&image, session);
        if let Ok(space) = image.process().statvfs("/") {
            report.free_blocks = space.blocks_free;
            report.free_inodes = report.free_inodes.map(|_| space.files_free);
        }
        let closed = image.close().map_err(|error| self.failed(&error));
        session.progress.clear();
        filled.map_err(|failure| incomplete(failure, &self.name)).and(closed)
    }

    fn fill_image(&mut self, image: &Image, session: &mut Session) -> Result<(), Failure> {
        let stop = session.stop.clone();
        let mut filler = Filler::new(image.process(), b"/", self.name.clone(), session, stop)
            .map_err(|error| self.failed(&error))?;
        let mut ruled = Ruled::new(self.rules, &mut filler);
        let passed = self.tree.source().run(&mut ruled).and_then(|()| ruled.finish());
        // What is there gets its attributes, even if not all is there.
        passed.and(filler.finish())
    }

    fn failed(&self, error: &KError) -> Failure {
        Failure::Other(format!("{}: {error}", self.name))
    }
}

/// Makes the file system, and fills it from `tree`.
fn build(
    args: &Args,
    (target, plan): (&Target, &Plan),
    tree: Option<Tree>,
    rules: &Rules,
    session: &mut Session,
) -> Result<Report, Failure> {
    let mut report = report(args, target, plan);
    let name = target.name();
    let failed = |error: KError| Failure::Other(format!("{name}: {error}"));
    let opened = target.open(plan.request.size_bytes, session)?;
    let device = Unflushed::new(opened.device);
    let mut request = plan.request.clone();
    request.zeroed = if opened.is_zeroed { Zeroed::Yes } else { Zeroed::No };
    make(&args.format, &*device, &request).map_err(failed)?;
    let filled = match tree {
        None => Ok(()),
        Some(tree) => {
            let (is_reproducible, name) = (args.reproducible, name.clone());
            let filling = Filling { tree, rules, is_reproducible, now: request.now, name };
            filling.fill(device.clone(), session, &mut report)
        }
    };
    filled.and(device.finish().map_err(failed))?;
    Ok(report)
}

fn incomplete(failure: Failure, name: &str) -> Failure {
    let add = |text: String| format!("{text}\nrump: {name} is a sound image, but not complete");
    match failure {
        Failure::Other(text) => Failure::Other(add(text)),
        Failure::Interrupted(text) => Failure::Interrupted(add(text)),
        Failure::Terminated(text) => Failure::Terminated(add(text)),
        failure => failure,
    }
}

fn report(args: &Args, target: &Target, plan: &Plan) -> Report {
    let Summary {
        uuid,
        label,
        block_size,
        blocks,
        free_blocks,
        inodes,
        free_inodes,
        journal_blocks,
        features,
        notes,
        ..
    } = plan.summary.clone();
    Report {
        format: args.format.clone(),
        image: target.name(),
        offset: target.offset(),
        size: plan.request.size_bytes,
        uuid,
        label,
        block_size,
        blocks,
        free_blocks,
        inodes,
        free_inodes: free_inodes.map(u64::from),
        journal_blocks,
        features,
        notes,
    }
}

fn print(args: &Args, report: &Report, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    for note in &report.notes {
        session.note(note);
    }
    if args.wanted.json {
        return Ok(session.outcome.add(report)?);
    }
    if session.is_quiet() {
        return Ok(());
    }
    let would = if args.dry_run { "would be " } else { "" };
    let size = crate::units::human(report.size);
    writeln!(out, "{}: {would}{} of {size}, UUID {}", report.image, report.format, report.uuid)?;
    let Report { blocks, block_size, free_blocks, .. } = report;
    match (report.inodes, report.free_inodes) {
        (Some(inodes), Some(free)) => writeln!(
            out,
            "{blocks} blocks of {block_size} bytes, {free_blocks} free; {inodes} inodes, {free} free"
        )?,
        _ => {
            let kind = report.features.join(", ");
            writeln!(out, "{kind}: {blocks} clusters of {block_size} bytes, {free_blocks} free")?;
        }
    }
    if args.from.is_some() && !args.dry_run {
        let bytes = crate::units::human(session.progress.bytes);
        writeln!(
            out,
            "{} files from {}, {bytes}",
            session.progress.files,
            escaped(args.from.as_deref().unwrap_or_default().as_encoded_bytes())
        )?;
    }
    Ok(())
}
