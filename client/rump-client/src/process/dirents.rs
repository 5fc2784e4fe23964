//! getdents(2).

use super::RemoteProcess;
use super::request::request;
use rump_abi::Ino;
use rump_abi::netbsd::dirent::{record_length, records};
use rump_abi::netbsd::numbers::__GETDENTS30;
use rump_kern::{Fd, Whence};
use rump_kpi::{DirEntry, KResult};

/// Bytes of records that are asked for at once.
const ROOM: usize = 1 << 15;

impl RemoteProcess {
    /// As [`Process::getdents_while`](rump_kern::Process::getdents_while), but that entries do not tell where they end: their
    /// `next_cursor` is zero. One that is not taken comes again, if nobody changes the directory meanwhile.
    pub fn getdents_while(&self, fd: Fd, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let mut bytes = vec![0; ROOM];
        loop {
            let begin = self.lseek(fd, 0, Whence::Cur)?;
            let count = self.records(fd, &mut bytes)?;
            let mut taken = 0;
            for record in records(&bytes[..count]) {
                let (name, ino, file_type) = (record.name, Ino(record.ino), record.file_type);
                if !sink(DirEntry { name, ino, file_type, next_cursor: 0 }) {
                    return self.go_back(fd, begin, taken);
                }
                taken += record_length(name);
            }
            // What is damaged is the end.
            if taken == 0 || taken != count {
                return Ok(());
            }
        }
    }

    fn records(&self, fd: Fd, place: &mut [u8]) -> KResult<usize> {
        let room = place.len();
        self.count(request(__GETDENTS30).with(fd).write(place).with(room), room)
    }

    /// Goes to the end of the records that were taken: where as many come again as there is room for.
    fn go_back(&self, fd: Fd, begin: u64, taken: usize) -> KResult<()> {
        self.lseek(fd, i64::try_from(begin).unwrap_or(i64::MAX), Whence::Set)?;
        if taken == 0 { Ok(()) } else { self.records(fd, &mut vec![0; taken]).map(drop) }
    }
}
