//! Which format a file has, and opening it with everything below it.

use crate::bytes::read_padded;
use crate::disk::Sources;
use crate::qcow2::{self, Header, Qcow2};
use crate::siblings::{Chain, Siblings, lossy};
use crate::unpack::Codec;
use crate::{packed, split, udif, unsupported, vdi, vhd, vhdx, vmdk};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// A format of disk images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The disk's bytes as they are.
    Raw,
    /// QEMU's.
    Qcow2,
    /// Microsoft's older one.
    Vhd,
    /// Microsoft's newer one.
    Vhdx,
    /// VirtualBox's.
    Vdi,
    /// VMware's.
    Vmdk,
    /// Apple's, UDIF.
    Dmg,
    /// Anything, packed by gzip.
    Gzip,
    /// Anything, packed by xz.
    Xz,
    /// Anything, packed by zstd.
    Zstd,
    /// Anything, packed by bzip2.
    Bzip2,
    /// Raw, in several files.
    Split,
}

impl Format {
    /// All that an image can be said to have.
    pub const ALL: [Self; 11] = [
        Self::Raw,
        Self::Qcow2,
        Self::Vhd,
        Self::Vhdx,
        Self::Vdi,
        Self::Vmdk,
        Self::Dmg,
        Self::Gzip,
        Self::Xz,
        Self::Zstd,
        Self::Bzip2,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "vhd",
            Self::Vhdx => "vhdx",
            Self::Vdi => "vdi",
            Self::Vmdk => "vmdk",
            Self::Dmg => "dmg",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Split => "split",
        }
    }

    /// The format of this name, which may also be that of QEMU.
    pub fn parse(name: &str) -> Option<Self> {
        let name = match name {
            "file" | "host_device" => "raw",
            "vpc" => "vhd",
            name => name,
        };
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// How an image is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Its format; asked of the file where this is `None`.
    pub format: Option<Format>,
    /// Name or number of the snapshot in it that is shown.
    pub snapshot: Option<String>,
}

/// What lies below a virtual disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The file, as the layer above calls it.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// Length of its virtual disk in bytes.
    pub size_bytes: u64,
    /// What is worth to know of it, e.g. `64 KiB clusters`.
    pub details: Vec<String>,
    /// Other files that it needs: what for, and what they are.
    pub below: Vec<(&'static str, Layer)>,
}

impl fmt::Display for Layer {
    /// `qcow2 (64 KiB clusters, backing base.raw)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = self.below.iter().map(|(role, layer)| format!("{role} {}", layer.name));
        let words: Vec<String> = self.details.iter().cloned().chain(below).collect();
        f.write_str(self.format.name())?;
        if words.is_empty() { Ok(()) } else { write!(f, " ({})", words.join(", ")) }
    }
}

/// A virtual disk.
pub struct Opened {
    /// Its bytes.
    pub device: Arc<dyn BlockDevice>,
    /// What it is made of.
    pub layer: Layer,
}

impl Opened {
    /// The same, with what it was taken out of below it; that alone, if it is raw.
    pub fn out_of(self, role: &'static str, below: Layer) -> Self {
        let Self { device, mut layer } = self;
        match layer.format {
            Format::Raw => layer = below,
            _ => layer.below.push((role, below)),
        }
        Self { device, layer }
    }
}

/// The format of a file by its signatures. Errors: EIO.
pub fn probe(file: &dyn BlockDevice) -> KResult<Format> {
    let mut head = [0; 512];
    read_padded(file, 0, &mut head)?;
    Ok(match () {
        () if head.starts_with(&qcow2::MAGIC) => Format::Qcow2,
        () if head.starts_with(vhdx::SIGNATURE) => Format::Vhdx,
        () if vmdk::is(&head) => Format::Vmdk,
        () if vdi::is(&head) => Format::Vdi,
        // These have what tells them at the end.
        () if vhd::is(file)? => Format::Vhd,
        () if udif::is(file)? => Format::Dmg,
        () => packed::probe(&head).unwrap_or(Format::Raw),
    })
}

/// Opens the image in `file`, which is at `path`, for reading and, if the file can be written, for writing.
///
/// # Errors
/// EROFS (the format is not written, or not in this state), ENOTSUP (what is not known here), EFTYPE (damaged), ENOENT (the
/// snapshot), ELOOP (images below one another, without an end), those of [`Siblings`], EIO.
pub fn open(
    file: Arc<dyn BlockDevice>,
    (path, identity): (&[u8], Option<(u64, u64)>),
    siblings: &dyn Siblings,
    options: &Options,
) -> KResult<Opened> {
    let image = Image { file, name: lossy(path), chain: Chain::new(siblings, path, identity) };
    if options.format.is_some() {
        return image.open(options);
    }
    let (image, split) = split::join(image, path)?;
    let opened = image.open(options)?;
    Ok(match split {
        Some(split) => opened.out_of("parts", split),
        None => opened,
    })
}

/// A file that is being opened.
pub struct Image<'a> {
    pub file: Arc<dyn BlockDevice>,
    pub name: String,
    pub chain: Chain<'a>,
}

impl Image<'_> {
    /// Opens it as what it is said to be. Errors: as [`open`].
    pub fn open(self, options: &Options) -> KResult<Opened> {
        let format = match options.format {
            Some(format) => format,
            None => probe(&*self.file)?,
        };
        let is_packed = matches!(format, Format::Gzip | Format::Xz | Format::Zstd | Format::Bzip2);
        if options.snapshot.is_some() && format != Format::Qcow2 && !is_packed {
            return Err(unsupported(format!("{} images have no snapshots here", format.name())));
        }
        if !matches!(format, Format::Raw | Format::Qcow2) && !self.file.is_read_only() {
            return Err(KError::new(Errno::EROFS, format!("{} images are not written", format.name())));
        }
        match format {
            Format::Raw | Format::Split => Ok(self.raw()),
            Format::Qcow2 => self.qcow2(options.snapshot.as_deref()),
            Format::Vhd => vhd::open(self),
            Format::Vhdx => vhdx::open(self),
            Format::Vdi => vdi::open(self),
            Format::Vmdk => vmdk::open(self),
            Format::Dmg => udif::open(self),
            Format::Gzip | Format::Xz | Format::Zstd | Format::Bzip2 => packed::open(self, format, options),
        }
    }

    /// What is known of it without a look at its parts.
    pub fn layer(self, format: Format, size_bytes: u64) -> Layer {
        Layer { name: self.name, format, size_bytes, details: Vec::new(), below: Vec::new() }
    }

    fn raw(self) -> Opened {
        let device = self.file.clone();
        Opened { layer: self.layer(Format::Raw, device.size_bytes()), device }
    }

    /// Opens the image below, of the format that is named, or of the one that it has. Errors: as [`open`].
    pub fn below(&self, name: &[u8], format: Option<&str>) -> KResult<Opened> {
        let format =
            match format {
                Some(word) => Some(Format::parse(word).ok_or_else(|| {
                    unsupported(format!("{} is {word}, which is not known here", lossy(name)))
                })?),
                None => None,
            };
        let (sibling, chain) = self.chain.below(name)?;
        let image = Image { file: sibling.device, name: lossy(name), chain };
        let named = |error: KError| KError::new(error.errno, format!("{}: {error}", lossy(name)));
        image.open(&Options { format, ..Options::default() }).map_err(named)
    }

    /// Opens a file with data beside it. Errors: those of [`Siblings`], ELOOP, ENOTSUP.
    pub fn beside(&self, name: &[u8], access: Access) -> KResult<(Arc<dyn BlockDevice>, Layer)> {
        let device = self.chain.beside(name, access)?.device;
        let size_bytes = device.size_bytes();
        let (details, below) = (Vec::new(), Vec::new());
        Ok((device, Layer { name: lossy(name), format: Format::Raw, size_bytes, details, below }))
    }

    fn qcow2(self, snapshot: Option<&str>) -> KResult<Opened> {
        let mut header = Header::read(&*self.file)?;
        let is_written = !self.file.is_read_only();
        let refusal = if snapshot.is_some() { Some("snapshots are not written") } else { header.refusal() };
        if let Some(why) = refusal.filter(|_| is_written) {
            return Err(KError::new(Errno::EROFS, why));
        }
        if let Some(snapshot) = snapshot {
            header = header.at_snapshot(&*self.file, snapshot)?;
        }
        let mut below = Vec::new();
        let mut sources = Sources { data: self.file.clone(), backing: None };
        if let Some(name) = header.data_file.as_ref().filter(|_| header.has_external_data()) {
            let access = if is_written { Access::ReadWrite } else { Access::Read };
            let (data, layer) = self.beside(name, access)?;
            sources.data = data;
            below.push(("data", layer));
        }
        if let Some(name) = &header.backing {
            let opened = self.below(name, header.backing_format.as_deref())?;
            sources.backing = Some(opened.device);
            below.push(("backing", opened.layer));
        }
        let details = qcow2_details(&header, snapshot);
        let device = Qcow2::new(header, self.file.clone(), sources, is_written);
        let layer = Layer { details, below, ..self.layer(Format::Qcow2, device.size_bytes()) };
        Ok(Opened { device: Arc::new(device), layer })
    }
}

fn qcow2_details(header: &Header, snapshot: Option<&str>) -> Vec<String> {
    let mut details = Vec::new();
    if header.version == 2 {
        details.push("version 2".to_string());
    }
    details.push(match header.cluster_size() {
        size @ 0..1024 => format!("{size} B clusters"),
        size => format!("{} KiB clusters", size >> 10),
    });
    let extended = header.has_subclusters().then_some("extended L2");
    let zstd = (header.codec == Codec::Zstd).then_some("zstd");
    details.extend(extended.into_iter().chain(zstd).chain(header.marks()).map(String::from));
    details.extend(snapshot.map(|name| format!("snapshot {name}")));
    details
}
