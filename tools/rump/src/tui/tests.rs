//! The browser without an image: events go in, and what is drawn and asked for comes out.

use super::draw::draw;
use super::list::Row;
use super::model::{Effect, Event, Hit, Key, Model, Preview, View, Volume, Work};
use super::viewer::{Mode as Shown, Window};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rumpkit::{DevNumber, FileFlags, FileType, Ino, Mode, Stat, TimeSpec};

fn row(name: &str, file_type: FileType, size: u64) -> Row {
    let time = TimeSpec { sec: 1_700_000_000 + size as i64, nsec: 0 };
    let mode = if file_type == FileType::Directory { 0o755 } else { 0o644 };
    let stat = Stat {
        dev: 1,
        ino: Ino(size),
        file_type,
        mode: Mode::new(mode),
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: DevNumber::default(),
        size,
        blocks: 0,
        blksize: 512,
        atime: time,
        mtime: time,
        ctime: time,
        birthtime: None,
        flags: FileFlags::empty(),
    };
    Row { name: name.as_bytes().into(), stat: Some(stat) }
}

fn model(rows: Vec<Row>) -> Model {
    let mut model = Model::new((80, 24));
    model.update(Event::Opened("disk.img@1 (ext4)".into()));
    let (path, select, note) = (b"/".to_vec(), None, None);
    model.update(Event::Directory { path, rows, select, note });
    model
}

fn usual() -> Model {
    model(vec![
        row("zebra.txt", FileType::Regular, 10),
        row("etc", FileType::Directory, 4096),
        row("big.bin", FileType::Regular, 5 << 20),
        row(".hidden", FileType::Regular, 1),
        row("link", FileType::Symlink, 3),
    ])
}

fn keys(model: &mut Model, text: &str) -> Vec<Effect> {
    text.chars().flat_map(|character| model.update(Event::Key(Key::Char(character)))).collect()
}

fn screen_of(model: &Model, (width, height): (u16, u16)) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let text = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_string()).collect::<String>();
    (0..height).map(|y| text(y).trim_end().to_string()).collect()
}

fn screen(model: &Model) -> Vec<String> {
    screen_of(model, model.size)
}

#[test]
fn a_directory_is_listed_with_its_attributes() {
    let mut model = usual();
    model.update(Event::Preview(Preview { path: b"/etc".to_vec(), lines: vec!["fstab".into()] }));
    let screen = screen(&model);
    let right = "4 +name";
    assert!(screen[0].starts_with(" disk.img@1 (ext4)  /") && screen[0].ends_with(right), "{screen:#?}");
    assert_eq!(screen[1], format!("{:52}|fstab", " drwxr-xr-x   4.0K 2023-11-14 etc/"));
    assert_eq!(screen[2], format!("{:52}|", " -rw-r--r--   5.0M 2024-01-14 big.bin"));
    assert_eq!(screen[3], format!("{:52}|", " lrw-r--r--      3 2023-11-14 link@"));
    assert_eq!(screen[4], format!("{:52}|", " -rw-r--r--     10 2023-11-14 zebra.txt"));
    assert!(screen[22].starts_with(" etc  0:0  4096 bytes  2023-11-14"), "{screen:#?}");
    assert!(screen[23].contains("q quit"));
}

#[test]
fn order_and_hidden_names_change_and_the_place_stays() {
    let mut model = usual();
    keys(&mut model, "jjj");
    assert_eq!(model.current().unwrap(), b"/zebra.txt");
    let names = |model: &Model| {
        let name = |at| String::from_utf8(model.list.row(at).unwrap().name.to_vec()).unwrap();
        (0..model.list.len()).map(name).collect::<Vec<_>>()
    };
    keys(&mut model, "o");
    assert_eq!(names(&model), ["etc", "big.bin", "zebra.txt", "link"]);
    keys(&mut model, "O.");
    assert_eq!(names(&model), ["etc", ".hidden", "link", "zebra.txt", "big.bin"]);
    assert_eq!(model.current().unwrap(), b"/zebra.txt");
    keys(&mut model, "oOo");
    assert_eq!(names(&model), ["etc", ".hidden", "link", "big.bin", "zebra.txt"]);
}

#[test]
fn names_are_found_while_they_are_typed() {
    let mut model = usual();
    keys(&mut model, "/EB");
    assert_eq!(model.current().unwrap(), b"/zebra.txt");
    assert!(screen(&model)[23].starts_with("name: EB_"));
    model.update(Event::Key(Key::Escape));
    assert_eq!(model.current().unwrap(), b"/etc");
    keys(&mut model, "/i");
    model.update(Event::Key(Key::Enter));
    assert_eq!(model.current().unwrap(), b"/big.bin");
    keys(&mut model, "n");
    assert_eq!(model.current().unwrap(), b"/link");
    keys(&mut model, "nN");
    assert_eq!(model.current().unwrap(), b"/link");
}

#[test]
fn names_cannot_command_the_terminal() {
    let mut model = model(vec![row("a\x1b[2J\u{202e}\n", FileType::Regular, 1)]);
    assert_eq!(screen(&model)[1], format!("{:52}|", " -rw-r--r--      1 2023-11-14 a.[2J.."));
    model.update(Event::Hits(
        vec![Hit { path: b"/\x1b]0;x\x07".to_vec(), offset: 0, text: "\x1b[31m".into() }],
        "\x1b[31m".into(),
    ));
    let text = screen(&model).join("\n");
    assert!(text.contains(" /.]0;x.: .[31m") && !text.contains('\x1b'), "{text}");
}

#[test]
fn what_is_marked_is_extracted() {
    let mut model = usual();
    keys(&mut model, " j ");
    assert!(screen(&model)[1].starts_with("*drwx") && screen(&model)[0].contains("2 marked"));
    assert!(keys(&mut model, "x").is_empty());
    model.update(Event::Key(Key::Clear));
    keys(&mut model, "out");
    let paths = vec![b"/etc".to_vec(), b"/link".to_vec()];
    let effects = model.update(Event::Key(Key::Enter));
    assert_eq!(effects, [Effect::Extract { paths, target: "out".into() }]);
    let work = Work {
        title: "extracting".into(),
        files: 3,
        bytes: 1 << 20,
        total: Some(3 << 20),
        seconds: 2.0,
        path: b"/etc/x".to_vec(),
    };
    model.update(Event::Progress(work));
    assert_eq!(screen(&model)[22], " extracting: 3 files, 1.0M of 3.0M, 512K/s, 0:04 left  /etc/x");
    assert_eq!(keys(&mut model, "j"), []);
    assert_eq!(model.update(Event::Key(Key::Interrupt)), [Effect::Cancel]);
    model.update(Event::Done("cancelled".into()));
    assert_eq!(screen(&model)[22], " cancelled");
    assert_eq!(model.update(Event::Key(Key::Interrupt)), [Effect::Quit]);
}

#[test]
fn directories_are_entered_and_left() {
    let mut model = usual();
    let enter = model.update(Event::Key(Key::Enter));
    assert_eq!(enter, [Effect::Directory { path: b"/etc".to_vec(), select: None }]);
    let (rows, select, note) = (vec![row("fstab", FileType::Regular, 5)], None, Some("damaged".into()));
    let preview = model.update(Event::Directory { path: b"/etc".to_vec(), rows, select, note });
    assert_eq!(preview, [Effect::Preview(b"/etc/fstab".to_vec())]);
    assert_eq!(screen(&model)[22], " damaged");
    let leave = model.update(Event::Key(Key::Left));
    assert_eq!(leave, [Effect::Directory { path: b"/".to_vec(), select: Some(b"etc".to_vec()) }]);
}

#[test]
fn a_file_is_shown_as_text_and_as_bytes_from_any_place() {
    let mut model = usual();
    keys(&mut model, "jjj");
    let effects = model.update(Event::Key(Key::Enter));
    assert_eq!(effects, [Effect::Window { path: b"/zebra.txt".to_vec(), at: 0 }]);
    let bytes = b"one\ntwo\x1b[m\n".repeat(3000);
    let (path, size) = (b"/zebra.txt".to_vec(), 1 << 33);
    let window = Window { start: 0, bytes };
    model.update(Event::Window { path: path.clone(), size, window, error: None });
    assert_eq!(screen(&model)[1..3], ["one", "two.[m"]);
    model.update(Event::Key(Key::Tab));
    let hex = "000000000000  6f 6e 65 0a 74 77 6f 1b  5b 6d 0a 6f 6e 65 0a 74  |one.two.[m.one.t|";
    model.update(Event::Resize(90, 24));
    assert_eq!((screen(&model)[1].as_str(), model.viewer.mode), (hex, Shown::Hex));
    keys(&mut model, "g4G");
    let effects = model.update(Event::Key(Key::Enter));
    assert_eq!(effects, [Effect::Window { path: path.clone(), at: 4 << 30 }]);
    let window = Window { start: (4 << 30) - 1, bytes: vec![7; 17] };
    model.update(Event::Window { path, size, window, error: None });
    assert!(screen(&model)[1].starts_with("000100000000  07 07"), "{:?}", screen(&model));
    keys(&mut model, "q");
    assert_eq!(model.view, View::List);
}

#[test]
fn a_text_is_found_in_the_file_that_is_shown() {
    let mut model = usual();
    keys(&mut model, "jjj");
    model.update(Event::Key(Key::Enter));
    let path = b"/zebra.txt".to_vec();
    let window = Window { start: 0, bytes: b"one\ntwo\n".repeat(3000) };
    model.update(Event::Window { path: path.clone(), size: 24_000, window, error: None });
    let find = |model: &mut Model, text: &str| {
        keys(model, text);
        model.update(Event::Key(Key::Enter))
    };
    let asked = |bytes: &[u8], from, is_back| {
        [Effect::Find { path: path.clone(), bytes: bytes.to_vec(), from, is_back }]
    };
    assert_eq!(find(&mut model, "/two"), asked(b"two", 0, false));
    assert!(keys(&mut model, "n").is_empty(), "what works is not asked again");
    // On the screen already: nothing moves.
    assert_eq!(model.update(Event::Found { path: path.clone(), at: 4 }), []);
    assert_eq!((model.viewer.at, screen(&model)[22].as_str()), (0, " found at 4"));
    assert_eq!(keys(&mut model, "n"), asked(b"two", 5, false));
    let effects = model.update(Event::Found { path: path.clone(), at: 12_004 });
    assert_eq!(effects, [Effect::Window { path: path.clone(), at: 12_004 }]);
    let window = model.viewer.window.clone();
    model.update(Event::Window { path: path.clone(), size: 24_000, window, error: None });
    assert_eq!(model.viewer.row_of_found(80, model.height()), Some(10));
    assert_eq!(keys(&mut model, "N"), asked(b"two", 12_004, true));
    model.update(Event::Done("not found before this".into()));
    // Elsewhere it begins with what is shown.
    keys(&mut model, "<");
    assert_eq!(keys(&mut model, "n"), asked(b"two", 0, false));
    model.update(Event::Done(String::new()));
    assert_eq!(find(&mut model, "/0x7f00"), asked(b"\x7f\0", 0, false));
}

#[test]
fn file_systems_are_offered() {
    let mut model = Model::new((80, 24));
    let volume = |selector: &str| Volume { selector: selector.into(), text: format!("{selector} ext4") };
    model.update(Event::Volumes(vec![volume("@1"), volume("@2")]));
    keys(&mut model, "j");
    assert_eq!(screen(&model)[1..4], [" @1 ext4", " @2 ext4", ""]);
    assert_eq!(model.update(Event::Key(Key::Enter)), [Effect::Open("@2".into())]);
    assert_eq!(keys(&mut model, "q"), [Effect::Quit]);
}

#[test]
fn every_view_fits_every_terminal() {
    for size in [(1, 1), (5, 2), (10, 3), (20, 4), (61, 10), (200, 60)] {
        let mut model = usual();
        model.update(Event::Resize(size.0, size.1));
        for text in ["", "j", " ", "/x"] {
            keys(&mut model, text);
            screen(&model);
        }
        model.update(Event::Key(Key::Escape));
        for view in [View::Help, View::Info, View::Hits, View::Volumes, View::Viewer] {
            model.view = view;
            model.viewer.window.bytes = "日本\n\x00".repeat(50).into_bytes();
            for mode in [Shown::Text, Shown::Hex] {
                model.viewer.mode = mode;
                screen(&model);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_entries_are_gone_through_at_once() {
    let rows =
        (0..100_000).map(|number| row(&format!("file{number:06}"), FileType::Regular, number)).collect();
    let mut model = model(rows);
    let began = std::time::Instant::now();
    model.update(Event::Key(Key::End));
    assert!(screen(&model)[21].contains("file099999"));
    for _ in 0..100 {
        model.update(Event::Key(Key::Up));
        screen(&model);
    }
    assert!(screen(&model)[1].contains("file099899"));
    // Drawing all of them a hundred times would take minutes.
    assert!(began.elapsed() < std::time::Duration::from_secs(10));
}
