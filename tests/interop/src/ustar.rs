//! Members of archives that no tool would write, byte by byte.

/// What a member's header says, as POSIX has it.
pub struct Header<'a> {
    /// `b'0'` for a file, `b'5'` for a directory, and so on.
    pub kind: u8,
    /// Without a prefix.
    pub name: &'a str,
    /// Where a link leads.
    pub target: &'a str,
    /// In octal.
    pub mode: &'a str,
    /// Owner and group, in octal.
    pub owner: [&'a str; 2],
    /// Of the content, in octal; that need not be true.
    pub length: &'a str,
}

/// A member, filled up to a whole block.
pub fn member(header: &Header<'_>, data: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, header.name.as_bytes());
    put(100, header.mode.as_bytes());
    put(108, header.owner[0].as_bytes());
    put(116, header.owner[1].as_bytes());
    put(124, header.length.as_bytes());
    put(136, b"12345670123");
    put(148, b"        ");
    put(156, &[header.kind]);
    put(157, header.target.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = block.to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}
