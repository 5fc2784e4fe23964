//! The folders of the command line, which are looked at before anything is built: minutes later it would be a pity.

use crate::Outcome;
use crate::components::WHOLE;
use crate::file;
use crate::options::{Command, Options};
use std::fs;
use std::path::Path;

/// Checks that the source is one, and that the folders that commands write to can be written to; makes them.
///
/// Errors: which option's folder is wrong, and what to do.
pub fn check(options: &Options, commands: &[Command]) -> Outcome {
    if !options.source.join("component").join(WHOLE).is_dir() {
        let source = options.source.display();
        return Err(format!("{source} is no source tree of rump; -s names the folder that has buildrump.sh"));
    }
    let writes = |wanted: &[Command]| commands.iter().any(|command| wanted.contains(command));
    if writes(&[Command::Tools, Command::Fullbuild]) {
        check_writable("-T", &options.tools)?;
    }
    if writes(&[Command::Build, Command::Install, Command::Fullbuild, Command::Tests]) {
        check_writable("-o", &options.objects)?;
    }
    if writes(&[Command::Install, Command::Fullbuild]) {
        check_writable("-d", &options.destination)?;
    }
    Ok(())
}

fn check_writable(option: &str, folder: &Path) -> Outcome {
    let trial = folder.join(format!(".buildrump-{}", std::process::id()));
    let written = file::make_folder(folder).and_then(|()| {
        let made = fs::write(&trial, "").and_then(|()| fs::remove_file(&trial));
        made.map_err(|error| format!("{}: {error}", folder.display()))
    });
    written.map_err(|error| format!("{error}; {option} names another folder"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{Parsed, parse};

    fn of(line: &str) -> Outcome {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        let Ok(Parsed::Run(options, commands)) = parse(&arguments) else { panic!("{line}") };
        check(&options, &commands)
    }

    #[test]
    fn a_folder_that_cannot_be_is_named_with_its_option() {
        let folder = std::env::temp_dir().join(format!("rump-folders-{}", std::process::id()));
        let (file, good) = (folder.join("file"), folder.join("good"));
        file::write(&file, "").unwrap();
        let (bad, good) = (file.join("below").display().to_string(), good.display().to_string());
        for (option, others) in [("-d", ["-o", "-T"]), ("-o", ["-d", "-T"]), ("-T", ["-d", "-o"])] {
            let rest = others.map(|other| format!("{other} {good}")).join(" ");
            let message = of(&format!("{option} {bad} {rest} fullbuild")).unwrap_err();
            assert!(message.contains(&bad) && message.contains(option), "{message}");
        }
        assert_eq!(of(&format!("-d {bad} -o {good} -T {good} build")), Ok(()));
        assert_eq!(fs::read_dir(&good).unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_source_that_is_none_is_named() {
        let message = of("-s /nowhere probe").unwrap_err();
        assert!(message.contains("/nowhere") && message.contains("-s"), "{message}");
    }
}
