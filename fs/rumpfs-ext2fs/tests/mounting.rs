//! Mounting for writing and unmounting leaves a sound volume.

mod fixture;

use fixture::Image;

#[test]
fn a_volume_that_was_mounted_for_writing_is_clean_and_reads_the_same() {
    for options in
        [&["-t", "ext2"][..], &["-t", "ext3"], &["-t", "ext4"], &["-t", "ext4", "-O", "^has_journal"]]
    {
        let image = Image::make_with("mounting", 16, options, &[("file", b"content")]);
        let mount = image.mount();
        assert_eq!(mount.read("file").unwrap(), b"content", "{options:?}");
        mount.unmount();
        image.check();
        assert_eq!(image.dump("file"), b"content", "{options:?}");
        let read = image.by_kernel(|point| std::fs::read(point.join("file")).unwrap());
        assert_eq!(read.unwrap_or(b"content".to_vec()), b"content", "{options:?}");
    }
}
