//! Builds files of pcapng with either order of bytes, and whatever blocks a test likes.

/// A file that grows.
pub struct File {
    pub is_big: bool,
    pub bytes: Vec<u8>,
}

impl File {
    pub fn u16(&self, number: u16) -> Vec<u8> {
        if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() }.to_vec()
    }

    pub fn u32(&self, number: u32) -> Vec<u8> {
        if self.is_big { number.to_be_bytes() } else { number.to_le_bytes() }.to_vec()
    }

    pub fn new(is_big: bool) -> Self {
        let mut file = Self { is_big, bytes: Vec::new() };
        file.section(is_big);
        file
    }

    pub fn block(&mut self, kind: u32, body: &[u8]) {
        let length = (body.len() + 12) as u32;
        for part in [&self.u32(kind)[..], &self.u32(length), body, &self.u32(length)] {
            self.bytes.extend_from_slice(part);
        }
    }

    pub fn section(&mut self, is_big: bool) {
        self.is_big = is_big;
        let body = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body);
    }

    /// An option with its padding.
    pub fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [self.u16(code), self.u16(value.len() as u16), value.to_vec()].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    pub fn interface(&mut self, link: u16, longest: u32, options: &[(u16, Vec<u8>)]) {
        let mut body = [self.u16(link), self.u16(0), self.u32(longest)].concat();
        options.iter().for_each(|(code, value)| body.extend(self.option(*code, value)));
        self.block(1, &body);
    }

    /// A frame; of the older kind if its type is 2.
    pub fn frame(
        &mut self,
        kind: u32,
        interface: u32,
        ticks: u64,
        length: u32,
        bytes: &[u8],
        options: &[u8],
    ) {
        let place = match kind {
            2 => [self.u16(interface as u16), self.u16(7)].concat(),
            _ => self.u32(interface),
        };
        let times = [(ticks >> 32) as u32, ticks as u32, bytes.len() as u32, length];
        let mut body = [place, times.map(|word| self.u32(word)).concat(), bytes.to_vec()].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend_from_slice(options);
        self.block(kind, &body);
    }

    pub fn simple(&mut self, length: u32, bytes: &[u8]) {
        let mut body = [self.u32(length), bytes.to_vec()].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(3, &body);
    }
}

/// A file of pcap: the magic number says all.
pub fn classic(magic: u32, is_big: bool, link: u32, frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let order = File { is_big, bytes: Vec::new() };
    let mut file = [order.u32(magic), order.u16(2), order.u16(4)].concat();
    file.extend([0, 0, 65_535, link].map(|word| order.u32(word)).concat());
    for (seconds, fraction, bytes) in frames {
        let length = bytes.len() as u32;
        file.extend([*seconds, *fraction, length, length].map(|word| order.u32(word)).concat());
        if magic == 0xa1b2_cd34 {
            file.extend([0; 8]);
        }
        file.extend_from_slice(bytes);
    }
    file
}
