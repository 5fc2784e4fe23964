//! Frames of many kinds, some of them damaged, from a seed.

/// Numbers from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const PORTS: &[u16] = &[22, 53, 80, 443, 8080, 1234, 65_535];

fn transport(random: &mut Random, protocol: u8) -> Vec<u8> {
    let (from, to) = (random.pick(PORTS), random.pick(PORTS));
    let mut bytes = [from.to_be_bytes(), to.to_be_bytes()].concat();
    let length = random.below(60);
    let content: Vec<u8> = match random.below(3) {
        0 => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        _ => (0..length).map(|_| random.next() as u8).collect(),
    };
    match protocol {
        6 => {
            bytes.extend((random.next() as u32).to_be_bytes());
            bytes.extend((random.next() as u32).to_be_bytes());
            let options = random.below(3) * 4;
            bytes.extend([
                (((20 + options) / 4) << 4) as u8,
                random.pick(&[2, 16, 18, 24, 1, 4]),
                4,
                0,
                0,
                0,
                0,
                0,
            ]);
            bytes.resize(20 + options, 1);
        }
        17 | 132 => {
            bytes.extend((8 + content.len() as u16).to_be_bytes());
            bytes.extend([0, 0]);
        }
        _ => bytes = vec![random.pick(&[0, 3, 8, 11, 128, 135]), random.below(3) as u8, 0, 0, 0, 1, 0, 2],
    }
    bytes.extend(content);
    bytes
}

fn ip4(random: &mut Random) -> Vec<u8> {
    let protocol = random.pick(&[6, 6, 17, 17, 1, 2, 47, 132]);
    let content = transport(random, protocol);
    let options = random.below(2) * random.below(4) * 4;
    let length = (20 + options + content.len()) as u16;
    let mut bytes = vec![0x40 | ((20 + options) / 4) as u8, random.below(256) as u8];
    bytes.extend(length.to_be_bytes());
    bytes.extend((random.next() as u16).to_be_bytes());
    let fragment: u16 = random.pick(&[0, 0, 0, 0x4000, 0x2000, 0x2005, 0x0010]);
    bytes.extend(fragment.to_be_bytes());
    bytes.extend([random.pick(&[1, 64, 255]), protocol, 0, 0]);
    for _ in 0..2 {
        bytes.extend([10, 0, random.below(3) as u8, random.below(4) as u8]);
    }
    bytes.resize(20 + options, 1);
    bytes.extend(content);
    bytes
}

fn ip6(random: &mut Random) -> Vec<u8> {
    let protocol = random.pick(&[6, 17, 58, 0, 44]);
    let mut content = transport(random, protocol);
    if protocol == 0 || protocol == 44 {
        let next = random.pick(&[6, 17]);
        content = [vec![next, 0, 0, 0, 0, 0, 0, 0], transport(random, next)].concat();
    }
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((content.len() as u16).to_be_bytes());
    bytes.extend([protocol, 64]);
    for _ in 0..2 {
        let mut address = [0; 16];
        (address[0], address[1], address[15]) = (0xfd, 0, random.below(4) as u8);
        bytes.extend(address);
    }
    bytes.extend(content);
    bytes
}

/// A frame of Ethernet.
pub fn frame(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![];
    for _ in 0..2 {
        bytes.extend([random.pick(&[0x02, 0x02, 0x01, 0xff]), 0, 0, 0, 0, random.below(4) as u8]);
    }
    for _ in 0..random.pick(&[0, 0, 0, 1, 2]) {
        bytes.extend(random.pick(&[[0x81_u8, 0x00], [0x88, 0xa8]]));
        bytes.extend((random.below(5) as u16).to_be_bytes());
    }
    match random.below(10) {
        0..5 => {
            bytes.extend([0x08, 0x00]);
            bytes.extend(ip4(random));
        }
        5..8 => {
            bytes.extend([0x86, 0xdd]);
            bytes.extend(ip6(random));
        }
        8 => {
            bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, random.pick(&[1, 2])]);
            bytes.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, random.below(4) as u8]);
            bytes.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, random.below(4) as u8]);
        }
        _ => bytes.extend((0..random.below(100)).map(|_| random.next() as u8).collect::<Vec<_>>()),
    }
    if random.below(8) == 0 {
        bytes.truncate(random.below(bytes.len() + 1));
    }
    for _ in 0..random.pick(&[0, 0, 0, 0, 1, 3]) {
        if !bytes.is_empty() {
            let at = random.below(bytes.len());
            bytes[at] = random.next() as u8;
        }
    }
    bytes
}
