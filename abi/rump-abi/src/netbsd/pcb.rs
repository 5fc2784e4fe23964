//! `struct kinfo_pcb`: what sysctl(3) tells of a socket (`net.inet.tcp.pcblist` and its like).

/// As the first number behind such a name: asks for all.
pub const PCB_ALL: i32 = 0;

/// Bytes of an address, with room.
pub const PCB_ADDRESS: usize = 264;

/// It has no name yet.
pub const INP_ATTACHED: u32 = 0;
/// It has one.
pub const INP_BOUND: u32 = 1;
/// It has another side.
pub const INP_CONNECTED: u32 = 2;

layout! {
    /// `struct kinfo_pcb`. Addresses of the kernel's own are zero.
    struct KinfoPcb[640] {
        /// What tells it from others, as `struct kinfo_file` has it.
        socket: u64 = 16,
        /// The family.
        family: u32 = 24,
        /// The type (`SOCK_*`).
        kind: u32 = 28,
        /// The protocol.
        protocol: u32 = 32,
        /// `INP_*`.
        state: u32 = 44,
        /// The state of TCP.
        tcp_state: i32 = 48,
        /// Bytes that wait to be received, or connections.
        received: u64 = 56,
        /// Bytes that wait to be sent.
        to_send: u64 = 64,
        /// Its own name, as an address of a socket.
        local: [u8; PCB_ADDRESS] = 72,
        /// The other's.
        remote: [u8; PCB_ADDRESS] = 336,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn a_socket_is_640_bytes() {
        let mut bytes = [0; 640];
        bytes[16] = 3;
        (bytes[24], bytes[28], bytes[32], bytes[44], bytes[48]) = (2, 1, 6, 2, 4);
        (bytes[56], bytes[64], bytes[72], bytes[335], bytes[336], bytes[599]) = (7, 8, 16, 9, 17, 10);
        let socket = KinfoPcb::read(&bytes).unwrap();
        assert_eq!((socket.socket, socket.family, socket.kind, socket.protocol), (3, 2, 1, 6));
        assert_eq!((socket.state, socket.tcp_state), (INP_CONNECTED, 4));
        assert_eq!((socket.received, socket.to_send), (7, 8));
        assert_eq!((socket.local[0], socket.local[263]), (16, 9));
        assert_eq!((socket.remote[0], socket.remote[263]), (17, 10));
        assert_eq!(socket.to_bytes(), bytes);
    }
}
