//! Replay of logs built by hand.

use super::*;
use alloc::vec;
use alloc::vec::Vec;
use rump_checksum::crc32c;

const BLOCK: usize = 1024;

struct Memory(Vec<Vec<u8>>);

impl Log for Memory {
    fn block_size(&self) -> u32 {
        BLOCK as u32
    }
    fn block_count(&self) -> u32 {
        self.0.len() as u32
    }
    fn read(&self, log_block: u32, buf: &mut [u8]) -> Result<(), Error> {
        buf.copy_from_slice(&self.0[log_block as usize]);
        Ok(())
    }
    fn disk_block(&self, log_block: u32) -> Result<u64, Error> {
        Ok(u64::from(log_block))
    }
}

fn put(block: &mut [u8], offset: usize, words: &[u32]) {
    for (index, word) in words.iter().enumerate() {
        block[offset + index * 4..][..4].copy_from_slice(&word.to_be_bytes());
    }
}

fn block(words: &[u32]) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    put(&mut block, 0, words);
    block
}

fn log(blocks: usize, start: u32) -> Memory {
    let mut log = Memory(vec![vec![0; BLOCK]; blocks]);
    log.0[0] = block(&[MAGIC, 4, 0, BLOCK as u32, blocks as u32, 1, 7, start]);
    log
}

fn config() -> ReplayConfig {
    ReplayConfig { uuid: [1; 16], inode_size: 256, volume_blocks: 1000, fast_commit_feature: true }
}

/// A descriptor of transaction `sequence` for one block.
fn descriptor(sequence: u32, disk_block: u32, flags: u32) -> Vec<u8> {
    block(&[MAGIC, 1, sequence, disk_block, flags | 0xa])
}

#[test]
fn a_clean_log_changes_nothing() {
    let overlay = replay(&log(8, 0), &config()).unwrap();
    assert!(overlay.is_empty() && overlay.notes().is_empty());
}

#[test]
fn only_committed_transactions_count_and_the_log_wraps() {
    let mut log = log(8, 6);
    log.0[6] = descriptor(7, 100, 0);
    log.0[7] = vec![0xaa; BLOCK];
    log.0[1] = block(&[MAGIC, 2, 7]);
    log.0[2] = descriptor(8, 101, 0);
    log.0[3] = vec![0xbb; BLOCK];
    let overlay = replay(&log, &config()).unwrap();
    assert_eq!(overlay.find(100), Some(&[0xaa; BLOCK][..]));
    assert_eq!(overlay.find(101), None);
    assert_eq!(overlay.next_from(5), Some(100));
    assert_eq!(overlay.next_from(101), None);
}

#[test]
fn an_escaped_block_gets_its_first_word_back() {
    let mut log = log(8, 1);
    log.0[1] = descriptor(7, 100, 1);
    log.0[3] = block(&[MAGIC, 2, 7]);
    let overlay = replay(&log, &config()).unwrap();
    assert_eq!(overlay.find(100).unwrap()[..4], MAGIC.to_be_bytes());
}

#[test]
fn a_revoked_block_comes_back_only_with_a_later_transaction() {
    let mut log = log(16, 1);
    log.0[1] = descriptor(7, 100, 0);
    log.0[3] = block(&[MAGIC, 2, 7]);
    log.0[4] = block(&[MAGIC, 5, 8, 20, 100]);
    log.0[5] = block(&[MAGIC, 2, 8]);
    assert_eq!(replay(&log, &config()).unwrap().find(100), None);
    log.0[6] = descriptor(9, 100, 0);
    log.0[7] = vec![0xcc; BLOCK];
    log.0[8] = block(&[MAGIC, 2, 9]);
    assert_eq!(replay(&log, &config()).unwrap().find(100).unwrap()[0], 0xcc);
}

#[test]
fn a_bad_checksum_of_version_3_ends_the_replay_with_a_note() {
    let mut log = log(8, 1);
    put(&mut log.0[0], 0x28, &[0x12]);
    log.0[0][0x50] = 4;
    let sum = crc32c(!0, &log.0[0]);
    put(&mut log.0[0], 0xfc, &[sum]);
    let seed = crc32c(!0, &[0; 16]);
    log.0[2] = vec![0xaa; BLOCK];
    let data_sum = crc32c(crc32c(seed, &7u32.to_be_bytes()), &log.0[2]);
    log.0[1] = block(&[MAGIC, 1, 7, 100, 0xa, 0, data_sum]);
    let sum = crc32c(seed, &log.0[1]);
    put(&mut log.0[1], BLOCK - 4, &[sum]);
    log.0[3] = block(&[MAGIC, 2, 7]);
    let sum = crc32c(seed, &log.0[3]);
    put(&mut log.0[3], 0x10, &[sum]);
    assert!(replay(&log, &config()).unwrap().find(100).is_some());
    log.0[2][9] = 0;
    let overlay = replay(&log, &config()).unwrap();
    assert!(overlay.is_empty());
    assert_eq!(overlay.notes().len(), 1);
}

#[test]
fn an_unknown_feature_is_refused() {
    let mut log = log(8, 1);
    put(&mut log.0[0], 0x28, &[0x80]);
    assert!(matches!(replay(&log, &config()), Err(Error::Unsupported(_))));
}

#[test]
fn a_fast_commit_counts_once_its_tail_is_sound() {
    let mut log = log(1100, 1);
    put(&mut log.0[0], 0x28, &[0x20]);
    put(&mut log.0[0], 0x54, &[64]);
    let mut records = vec![9, 0, 8, 0, 0, 0, 0, 0, 7, 0, 0, 0];
    records.extend_from_slice(&[3, 0, 9, 0, 2, 0, 0, 0, 12, 0, 0, 0, b'f']);
    records.extend_from_slice(&[8, 0, 8, 0, 7, 0, 0, 0]);
    let sum = crc32c(0, &records);
    records.extend_from_slice(&sum.to_le_bytes());
    let first = 1100 - 64 + 1;
    log.0[first][..records.len()].copy_from_slice(&records);
    let overlay = replay(&log, &config()).unwrap();
    let added = DentryChange::Add { name: b"f".to_vec(), ino: 12 };
    assert_eq!(overlay.dentries(2), [added]);
    assert_eq!(overlay.created_in(12), Some(2));
    log.0[first][24] = b'g';
    assert!(replay(&log, &config()).unwrap().is_empty());
}
