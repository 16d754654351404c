//! `set -o` and `shopt`: the switches, their letters and names.

use serde::{Deserialize, Serialize};

macro_rules! options {
    (set { $($field:ident $letter:literal $name:literal)* } shopt { $($shopt:ident $shopt_name:literal)* }) => {
        /// Every switch.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "each has the name the manual has")]
        pub struct Options {
            /// Run as `bash`: where it differs from POSIX, bash's way.
            pub bash: bool,
            $(pub $field: bool,)*
            $(pub $shopt: bool,)*
        }

        impl Options {
            /// The names and letters of `set -o`; a blank letter has none.
            pub const SET: &'static [(&'static str, u8)] = &[$(($name, $letter),)*];
            /// The names of `shopt`.
            pub const SHOPT: &'static [&'static str] = &[$($shopt_name,)*];

            /// The switch of `set -o name`.
            pub fn by_name(&mut self, name: &[u8]) -> Option<&mut bool> {
                $(if name == $name.as_bytes() { return Some(&mut self.$field); })*
                None
            }
            /// The switch of `set -letter`.
            pub fn by_letter(&mut self, letter: u8) -> Option<&mut bool> {
                $(if letter == $letter && letter != b' ' { return Some(&mut self.$field); })*
                None
            }
            /// The switch of `shopt name`.
            pub fn by_shopt(&mut self, name: &[u8]) -> Option<&mut bool> {
                $(if name == $shopt_name.as_bytes() { return Some(&mut self.$shopt); })*
                None
            }
        }
    };
}

options! {
    set {
        allexport b'a' "allexport"
        braceexpand b'B' "braceexpand"
        emacs b' ' "emacs"
        errexit b'e' "errexit"
        errtrace b'E' "errtrace"
        functrace b'T' "functrace"
        hashall b'h' "hashall"
        histexpand b'H' "histexpand"
        history b' ' "history"
        ignoreeof b' ' "ignoreeof"
        interactive_comments b' ' "interactive-comments"
        keyword b'k' "keyword"
        monitor b'm' "monitor"
        noclobber b'C' "noclobber"
        noexec b'n' "noexec"
        noglob b'f' "noglob"
        nolog b' ' "nolog"
        notify b'b' "notify"
        nounset b'u' "nounset"
        onecmd b't' "onecmd"
        physical b'P' "physical"
        pipefail b' ' "pipefail"
        posix b' ' "posix"
        privileged b'p' "privileged"
        verbose b'v' "verbose"
        vi b' ' "vi"
        xtrace b'x' "xtrace"
    }
    shopt {
        array_expand_once "array_expand_once"
        assoc_expand_once "assoc_expand_once"
        autocd "autocd"
        cdable_vars "cdable_vars"
        cdspell "cdspell"
        checkhash "checkhash"
        checkjobs "checkjobs"
        checkwinsize "checkwinsize"
        cmdhist "cmdhist"
        compat44 "compat44"
        dotglob "dotglob"
        execfail "execfail"
        expand_aliases "expand_aliases"
        extdebug "extdebug"
        extglob "extglob"
        extquote "extquote"
        failglob "failglob"
        force_fignore "force_fignore"
        globasciiranges "globasciiranges"
        globskipdots "globskipdots"
        globstar "globstar"
        gnu_errfmt "gnu_errfmt"
        histappend "histappend"
        histreedit "histreedit"
        histverify "histverify"
        hostcomplete "hostcomplete"
        huponexit "huponexit"
        inherit_errexit "inherit_errexit"
        lastpipe "lastpipe"
        lithist "lithist"
        localvar_inherit "localvar_inherit"
        localvar_unset "localvar_unset"
        login_shell "login_shell"
        mailwarn "mailwarn"
        no_empty_cmd_completion "no_empty_cmd_completion"
        nocaseglob "nocaseglob"
        nocasematch "nocasematch"
        noexpand_translation "noexpand_translation"
        nullglob "nullglob"
        patsub_replacement "patsub_replacement"
        progcomp "progcomp"
        progcomp_alias "progcomp_alias"
        promptvars "promptvars"
        restricted_shell "restricted_shell"
        shift_verbose "shift_verbose"
        sourcepath "sourcepath"
        varredir_close "varredir_close"
        xpg_echo "xpg_echo"
    }
}

impl Options {
    /// What a shell starts with.
    pub fn initial(bash: bool) -> Self {
        Self {
            bash,
            braceexpand: bash,
            hashall: true,
            interactive_comments: true,
            posix: false,
            // POSIX expands aliases always, bash only at a prompt.
            expand_aliases: !bash,
            checkwinsize: true,
            cmdhist: true,
            extquote: true,
            force_fignore: true,
            globasciiranges: true,
            globskipdots: true,
            hostcomplete: true,
            patsub_replacement: true,
            progcomp: true,
            promptvars: true,
            sourcepath: true,
            inherit_errexit: !bash,
            ..Self::default()
        }
    }

    /// `$-`
    pub fn letters(self, interactive: bool, extra: &[u8]) -> Vec<u8> {
        let mut copy = self;
        let mut out = Vec::new();
        for letter in b"abefhkmnptuvxBCEHPT" {
            if *letter == b'h' && !self.bash {
                continue;
            }
            if copy.by_letter(*letter).is_some_and(|on| *on) {
                out.push(*letter);
            }
            if *letter == b'h' && interactive {
                out.push(b'i');
            }
        }
        if interactive && !out.contains(&b'i') {
            out.push(b'i');
        }
        out.extend_from_slice(extra);
        out
    }
}
