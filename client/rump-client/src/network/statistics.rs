//! What protocols count, as sysctl(3) tells it (`net.inet.ip.stats` and its like).

use super::RemoteNetwork;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::statistics::Counted;
use rump_kpi::KResult;
use rump_kpi::device::Counter;

impl RemoteNetwork {
    /// What a protocol counted; none if the kernel has not the protocol. Errors: those of sysctl(3).
    pub fn counters(&self, of: Counted) -> KResult<Vec<Counter>> {
        let name = match self.process.sysctl_numbers(of.sysctl()) {
            Ok(name) => name,
            Err(error) if error.errno == Errno::ENOENT => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let bytes = self.process.sysctl_table(&name)?;
        let array = bytes.chunks_exact(u64::SIZE).filter_map(u64::read).collect();
        Ok(Counter::of(of, array).collect())
    }
}
