//! Memory of a client, by its addresses.

use rump_abi::Errno;
use rump_kpi::KResult;

/// Memory of a client. Nothing in it is believed: the client may say anything at any time.
///
/// What is put is on its way when the call answers; a client that is gone is told to nobody.
pub trait ClientMemory {
    /// Fills `into` from an address. Errors: EFAULT (there is nothing there), EIO (the client is gone).
    fn copyin(&mut self, address: u64, into: &mut [u8]) -> KResult<()>;

    /// So many bytes at an address, which whoever has them already need not copy. Errors: as [`ClientMemory::copyin`].
    fn take(&mut self, address: u64, length: usize) -> KResult<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.copyin(address, &mut bytes)?;
        Ok(bytes)
    }

    /// The string at an address without its end. Errors: EFAULT, ENAMETOOLONG (it has no end within `most` bytes), EIO.
    fn copyinstr(&mut self, address: u64, most: usize) -> KResult<Vec<u8>>;

    /// Puts bytes to an address. Errors: EFAULT (null), EIO.
    fn copyout(&mut self, address: u64, bytes: &[u8]) -> KResult<()>;

    /// So many bytes of memory that the client did not have; their address. Errors: ENOMEM, EIO.
    fn map(&mut self, length: u64) -> KResult<u64>;
}

/// The bytes at an address. Errors: those of [`ClientMemory::copyin`].
pub fn bytes_at<const N: usize>(memory: &mut dyn ClientMemory, address: u64) -> KResult<[u8; N]> {
    if address == 0 {
        return Err(Errno::EFAULT.into());
    }
    let mut bytes = [0; N];
    memory.copyin(address, &mut bytes)?;
    Ok(bytes)
}
