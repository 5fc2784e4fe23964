//! A host file or block device, read and written at offsets.

use crate::{errno, lock};
use rump_abi::Errno;
use rump_hyper::{Access, BlockIo, HostError, HostResult, Lock};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// An opened file; the lock lasts as long as it.
pub struct HostFile {
    file: File,
    path: PathBuf,
    access: Access,
    size: AtomicU64,
}

impl HostFile {
    /// Errors: the host's, EISDIR, EINVAL (neither file nor block device), EBUSY (locked).
    pub fn open(path: &Path, access: Access, lock: Lock) -> HostResult<Self> {
        // NONBLOCK: opening a fifo must not wait for a writer.
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::ReadWrite)
            .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
            .open(path)
            .map_err(|error| errno::of_path(path, error))?;
        Self::new(file, path, access, lock)
    }

    /// Takes what was opened for `access`; `path` is for errors. Errors: as [`HostFile::open`].
    pub fn new(mut file: File, path: &Path, access: Access, lock: Lock) -> HostResult<Self> {
        let failed = |error| errno::of_path(path, error);
        let refused =
            |errno: Errno, why: &str| HostError { errno, what: format!("{}: {why}", path.display()) };
        let kind = file.metadata().map_err(failed)?.file_type();
        if kind.is_dir() {
            return Err(refused(Errno::EISDIR, "is a directory, not an image"));
        }
        if !kind.is_file() && !kind.is_block_device() {
            return Err(refused(Errno::EINVAL, "is neither a regular file nor a block device"));
        }
        if lock == Lock::Advisory {
            lock::take(&file, path, access)?;
        }
        let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { file, path: path.into(), access, size: size.into() })
    }

    fn check_writable(&self) -> HostResult<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::Read => Err(HostError {
                errno: Errno::EROFS,
                what: format!("{}: opened for reading only", self.path.display()),
            }),
        }
    }

    fn check_range(&self, offset: u64, len: usize) -> HostResult<()> {
        let size = self.size_bytes();
        match offset.checked_add(len as u64) {
            Some(end) if end <= size => Ok(()),
            _ => Err(HostError {
                errno: Errno::EINVAL,
                what: format!(
                    "{}: {len} bytes at {offset} reach beyond its end ({size})",
                    self.path.display()
                ),
            }),
        }
    }

    fn failed(&self, error: std::io::Error) -> HostError {
        match error.kind() {
            // The file was cut since it was opened.
            std::io::ErrorKind::UnexpectedEof => {
                HostError { errno: Errno::EIO, what: format!("{}: shorter than it was", self.path.display()) }
            }
            _ => errno::of_path(&self.path, error),
        }
    }
}

impl BlockIo for HostFile {
    fn size_bytes(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    fn access(&self) -> Access {
        self.access
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
        self.check_range(offset, buf.len())?;
        self.file.read_exact_at(buf, offset).map_err(|error| self.failed(error))
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> HostResult<()> {
        self.check_writable()?;
        self.check_range(offset, buf.len())?;
        self.file.write_all_at(buf, offset).map_err(|error| self.failed(error))
    }

    fn flush(&self) -> HostResult<()> {
        self.file.sync_data().map_err(|error| self.failed(error))
    }

    fn grow(&self, size_bytes: u64) -> HostResult<()> {
        self.check_writable()?;
        let metadata = self.file.metadata().map_err(|error| self.failed(error))?;
        if !metadata.is_file() {
            return Err(Errno::ENOTSUP.into());
        }
        if size_bytes > metadata.len() {
            self.file.set_len(size_bytes).map_err(|error| self.failed(error))?;
        }
        self.size.fetch_max(size_bytes, Ordering::AcqRel);
        Ok(())
    }
}
