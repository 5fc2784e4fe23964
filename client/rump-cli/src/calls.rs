//! The calls that a program makes of a kernel, be it here or at a server.

use rump_abi::{AddressFamily, MessageFlags, OpenFlags, SocketAddress, SocketType};
use rump_client::RemoteProcess;
use rump_kern::{Fd, PollFd, Process, Received, SendMessage};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use std::time::Duration;

macro_rules! calls {
    ($(fn $name:ident(&self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)*) => {
        /// A process of a kernel. Each method is that of [`Process`].
        pub trait Calls: Clone {
            $(
                /// As the method of [`Process`].
                fn $name(&self $(, $argument: $kind)*) -> $answer;
            )*
        }

        impl Calls for Process {
            $(fn $name(&self $(, $argument: $kind)*) -> $answer {
                Process::$name(self $(, $argument)*)
            })*
        }

        impl Calls for RemoteProcess {
            $(fn $name(&self $(, $argument: $kind)*) -> $answer {
                RemoteProcess::$name(self $(, $argument)*)
            })*
        }
    };
}

calls! {
    fn socket(&self, family: AddressFamily, kind: SocketType, protocol: u8, flags: OpenFlags) -> KResult<Fd>;
    fn connect(&self, fd: Fd, address: &SocketAddress) -> KResult<()>;
    fn getsockname(&self, fd: Fd) -> KResult<SocketAddress>;
    fn setsockopt(&self, fd: Fd, level: i32, name: i32, value: &OptionValue) -> KResult<()>;
    fn sendmsg(&self, fd: Fd, message: &SendMessage<'_>, flags: MessageFlags) -> KResult<usize>;
    fn recvmsg(&self, fd: Fd, parts: &mut [&mut [u8]], rights_max: usize, flags: MessageFlags) -> KResult<Received>;
    fn poll(&self, fds: &mut [PollFd], timeout: Option<Duration>) -> KResult<usize>;
    fn pipe2(&self, flags: OpenFlags) -> KResult<[Fd; 2]>;
    fn write(&self, fd: Fd, bytes: &[u8]) -> KResult<usize>;
    fn close(&self, fd: Fd) -> KResult<()>;
}
