//! Values of socket options that are no plain numbers.

layout! {
    /// `struct linger`.
    struct Linger[8] {
        /// Whether closing waits.
        onoff: i32 = 0,
        /// How many seconds.
        seconds: i32 = 4,
    }

    /// `struct unpcbid`: who is on the other side.
    struct Unpcbid[12] {
        /// The process.
        pid: i32 = 0,
        /// Its effective user.
        euid: u32 = 4,
        /// Its effective group.
        egid: u32 = 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn lingering_is_two_numbers() {
        assert_eq!(Linger { onoff: 1, seconds: 3 }.to_bytes(), [1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(Unpcbid { pid: 1, euid: 2, egid: 3 }.to_bytes(), [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
    }
}
