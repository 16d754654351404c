//! The Dockerfile language: from text to instructions.
//!
//! Nothing here touches a context or an image, so the whole language is tested as
//! text. Variables are not substituted while parsing, because their values depend
//! on the instructions before; [`expand`] does it when an instruction runs.

mod error;
pub mod expand;
pub mod instruction;
mod lines;
mod words;

pub use error::DockerfileError;
pub use instruction::{Command, CopyFlags, Heredoc, Instruction, Mount, RunFlags};

/// A parsed Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// `ARG`s before the first `FROM`: only `FROM` lines see them.
    pub global_arguments: Vec<(String, Option<String>)>,
    /// The stages in order; never empty.
    pub stages: Vec<Stage>,
    /// The escape character, `\` unless a directive says `` ` ``.
    pub escape: char,
}

/// `FROM` and what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The base: an image, an earlier stage's name or `scratch`; may hold variables.
    pub base: String,
    /// `AS name`, lower case.
    pub name: Option<String>,
    /// `--platform`, may hold variables.
    pub platform: Option<String>,
    /// The `FROM` line as the progress output shows it.
    pub original: String,
    /// The rest of the stage.
    pub steps: Vec<Step>,
}

/// An instruction and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The first line, counted from 1.
    pub line: usize,
    /// The line as the progress output shows it: `RUN echo hi`.
    pub original: String,
    /// What it says.
    pub instruction: Instruction,
}

impl Dockerfile {
    /// Parses a whole file.
    ///
    /// # Errors
    /// With BuildKit's wording, which the classic builder shares.
    pub fn parse(text: &str) -> Result<Self, DockerfileError> {
        let (escape, lines) = lines::logical_lines(text)?;
        if lines.is_empty() {
            return Err(DockerfileError::NoInstructions);
        }
        let mut file = Self { global_arguments: Vec::new(), stages: Vec::new(), escape };
        for line in lines {
            let instruction = instruction::parse(&line, escape).map_err(|error| error.at(line.number))?;
            match (instruction, file.stages.last_mut()) {
                (Instruction::From { base, name, platform }, _) => {
                    file.stages.push(Stage { base, name, platform, original: line.text, steps: Vec::new() });
                }
                (Instruction::Arg(arguments), None) => file.global_arguments.extend(arguments),
                (_, None) => return Err(DockerfileError::NoStage),
                (instruction, Some(stage)) => {
                    stage.steps.push(Step { line: line.number, original: line.text, instruction });
                }
            }
        }
        if file.stages.is_empty() {
            return Err(DockerfileError::NoStage);
        }
        Ok(file)
    }

    /// Parses one instruction, as `ONBUILD` triggers and `--change` hold it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_instruction(text: &str) -> Result<Step, DockerfileError> {
        let (escape, lines) = lines::logical_lines(text)?;
        let line = lines.into_iter().next().ok_or(DockerfileError::NoInstructions)?;
        let instruction = instruction::parse(&line, escape)?;
        Ok(Step { line: line.number, original: line.text, instruction })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Instruction> {
        let file = Dockerfile::parse(text).unwrap();
        file.stages.into_iter().flat_map(|stage| stage.steps).map(|step| step.instruction).collect()
    }

    fn failure(text: &str) -> String {
        Dockerfile::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn stages_arguments_and_platforms_are_told_apart() {
        let file = Dockerfile::parse(
            "ARG V=1\nFROM --platform=linux/amd64 busybox:$V AS Build\nRUN true\nFROM scratch\nCOPY --from=build / /\n",
        )
        .unwrap();
        assert_eq!(file.global_arguments, [("V".into(), Some("1".into()))]);
        assert_eq!(file.stages.len(), 2);
        assert_eq!(file.stages[0].base, "busybox:$V");
        assert_eq!(file.stages[0].name.as_deref(), Some("build"));
        assert_eq!(file.stages[0].platform.as_deref(), Some("linux/amd64"));
        assert_eq!(file.stages[1].base, "scratch");
        assert_eq!(file.stages[0].original, "FROM --platform=linux/amd64 busybox:$V AS Build");
    }

    #[test]
    fn lines_go_on_after_an_escape_over_comments_and_empty_lines() {
        let found = steps("FROM a\nRUN echo a \\\n  # a comment\n\n   && echo b\n# done\nENV a=\"b\\\nc\"\n");
        let Instruction::Run { command: Command::Shell(line), .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(line, "echo a    && echo b");
        assert_eq!(found[1], Instruction::Env(vec![("a".into(), "\"bc\"".into())]));
    }

    #[test]
    fn the_escape_directive_changes_the_continuation() {
        let found = steps("# escape=`\nFROM a\nRUN dir `\n C:\\x\\\nRUN b\n");
        assert_eq!(found.len(), 2);
        let Instruction::Run { command: Command::Shell(line), .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(line, "dir  C:\\x\\");
    }

    #[test]
    fn json_makes_exec_form_and_everything_else_shell_form() {
        let found =
            steps("FROM a\nCMD [\"a\", \"b c\"]\nCMD [\"a\", 1]\nENTRYPOINT []\nSHELL [\"/bin/bash\", \"-c\"]\n");
        assert_eq!(found[0], Instruction::Cmd(Command::Exec(vec!["a".into(), "b c".into()])));
        assert_eq!(found[1], Instruction::Cmd(Command::Shell("[\"a\", 1]".into())));
        assert_eq!(found[2], Instruction::Entrypoint(Command::Exec(vec![])));
        assert_eq!(found[3], Instruction::Shell(vec!["/bin/bash".into(), "-c".into()]));
    }

    #[test]
    fn heredocs_belong_to_their_instruction() {
        let found =
            steps("FROM a\nRUN <<EOF\necho 1\n# kept\nEOF\nCOPY <<-\"A\" <<B /dir/\n\ttab $x\n\tA\nb $x\nB\nUSER x\n");
        let Instruction::Run { command, heredocs, .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(command, &Command::Shell("<<EOF".into()));
        assert_eq!(heredocs[0].content, "echo 1\n# kept\n");
        assert!(heredocs[0].expand);
        let Instruction::Copy { sources, target, heredocs, .. } = &found[1] else { panic!("{found:?}") };
        assert_eq!((sources.len(), target.as_str()), (0, "/dir/"));
        assert_eq!(
            (heredocs[0].name.as_str(), heredocs[0].content.as_str(), heredocs[0].expand),
            ("A", "tab $x\n", false)
        );
        assert_eq!(
            (heredocs[1].name.as_str(), heredocs[1].content.as_str(), heredocs[1].expand),
            ("B", "b $x\n", true)
        );
        assert_eq!(found[2], Instruction::User("x".into()));
    }

    #[test]
    fn copy_flags_and_forms() {
        let found = steps(
            "FROM a\nCOPY --from=b --chown=1:2 --chmod=755 --link --exclude=*.o x y /z/\nADD [\"a b\", \"/c d\"]\n",
        );
        let Instruction::Copy { flags, sources, target, .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(flags.from.as_deref(), Some("b"));
        assert_eq!(flags.chown.as_deref(), Some("1:2"));
        assert_eq!(flags.chmod.as_deref(), Some("755"));
        assert_eq!((flags.link, flags.exclude.as_slice()), (true, &["*.o".to_owned()][..]));
        assert_eq!((sources.as_slice(), target.as_str()), (&["x".to_owned(), "y".to_owned()][..], "/z/"));
        let Instruction::Add { sources, target, .. } = &found[1] else { panic!("{found:?}") };
        assert_eq!((sources.as_slice(), target.as_str()), (&["a b".to_owned()][..], "/c d"));
    }

    #[test]
    fn run_flags_mount_and_network() {
        let found = steps(
            "FROM a\nRUN --network=none --mount=type=cache,target=/c,id=x --mount=type=secret,id=s,required echo hi\n",
        );
        let Instruction::Run { flags, command, .. } = &found[0] else { panic!("{found:?}") };
        assert_eq!(flags.network.as_deref(), Some("none"));
        assert_eq!(flags.mounts.len(), 2);
        assert_eq!(flags.mounts[0].get("type"), Some("cache"));
        assert_eq!(flags.mounts[1].get("required"), Some("true"));
        assert_eq!(command, &Command::Shell("echo hi".into()));
    }

    #[test]
    fn key_value_forms() {
        let found = steps("FROM a\nENV a b  c\nENV d=1 e=\"2 3\" f=4\\ 5\nLABEL \"x y\"=z\nARG n m=1\n");
        assert_eq!(found[0], Instruction::Env(vec![("a".into(), "b  c".into())]));
        assert_eq!(
            found[1],
            Instruction::Env(vec![
                ("d".into(), "1".into()),
                ("e".into(), "\"2 3\"".into()),
                ("f".into(), "4\\ 5".into())
            ])
        );
        assert_eq!(found[2], Instruction::Label(vec![("\"x y\"".into(), "z".into())]));
        assert_eq!(found[3], Instruction::Arg(vec![("n".into(), None), ("m".into(), Some("1".into()))]));
    }

    #[test]
    fn health_checks() {
        let found = steps("FROM a\nHEALTHCHECK --interval=5s --retries=3 CMD [\"a\"]\nHEALTHCHECK NONE\n");
        let Instruction::Healthcheck(Some(check)) = &found[0] else { panic!("{found:?}") };
        assert_eq!(check.interval.as_deref(), Some("5s"));
        assert_eq!(check.retries.as_deref(), Some("3"));
        assert_eq!(check.command, Command::Exec(vec!["a".into()]));
        assert_eq!(found[1], Instruction::Healthcheck(None));
    }

    #[test]
    fn errors_are_worded_as_docker_words_them() {
        assert_eq!(failure(""), "file with no instructions");
        assert_eq!(
            failure("FROM a\nFOO bar\n"),
            "dockerfile parse error on line 2: unknown instruction: FOO (did you mean FROM?)"
        );
        assert_eq!(failure("RUN x\n"), "no build stage in current context");
        assert_eq!(
            failure("FROM a b\n"),
            "dockerfile parse error on line 1: FROM requires either one or three arguments"
        );
        assert_eq!(
            failure("FROM a\nCOPY x\n"),
            "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined"
        );
        assert_eq!(failure("FROM a\nUSER\n"), "dockerfile parse error on line 2: USER requires exactly one argument");
        assert_eq!(failure("FROM a\nCOPY --bad=1 x y\n"), "dockerfile parse error on line 2: unknown flag: --bad");
        assert_eq!(failure("FROM a\nRUN <<EOF\nx\n"), "failed to parse Dockerfile: unterminated heredoc");
    }
}
