//! The syntax tree: what the parser hands to the interpreter and what a
//! subshell in another process receives, encoded by serde.
//!
//! Names are those of POSIX XCU 2.10 (Shell Grammar). Everything is bytes:
//! a script need not be UTF-8.

use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::rc::Rc;

/// A list of and-or lists, each run in turn or in the background.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct List {
    /// In source order.
    pub items: Vec<ListItem>,
}

/// An and-or list and how it is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListItem {
    /// What is run.
    pub and_or: AndOr,
    /// Followed by `&`.
    pub background: bool,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AndOr {
    /// The first pipeline.
    pub first: Pipeline,
    /// The others with the operator before each.
    pub rest: Vec<(AndOrOperator, Pipeline)>,
}

/// `&&` or `||`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AndOrOperator {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// How `time` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timing {
    /// `time`, in the format of TIMEFORMAT.
    Format,
    /// `time -p`
    Posix,
}

/// Commands joined by `|`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// Preceded by `!`.
    pub negated: bool,
    /// Preceded by `time`.
    pub timing: Option<Timing>,
    /// At least one, unless `time` or `!` stands alone.
    pub stages: Vec<Command>,
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Assignments, words and redirections.
    Simple(Rc<Simple>),
    /// A compound command with its redirections.
    Compound(Rc<Compound>),
    /// `name() body`
    Function(Rc<Function>),
}

/// A simple command (XCU 2.9.1).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Simple {
    /// Line of the first word.
    pub line: u32,
    /// `name=value` before the first word.
    pub assignments: Vec<Assignment>,
    /// The command name and its arguments.
    pub words: Vec<Word>,
    /// In source order.
    pub redirections: Vec<Redirection>,
}

/// `name=value`, `name+=value`, `name[index]=value`, `name=(…)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The variable.
    pub name: Vec<u8>,
    /// The subscript.
    pub index: Option<Subscript>,
    /// `+=`
    pub append: bool,
    /// What is assigned.
    pub value: AssignmentValue,
}

/// The right side of an assignment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AssignmentValue {
    /// One string.
    Scalar(Word),
    /// `( … )`
    Array(Vec<ArrayElement>),
}

/// One element in `name=( … )`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArrayElement {
    /// `[subscript]=`
    pub index: Option<Subscript>,
    /// `+=` after the subscript.
    pub append: bool,
    /// The value; without subscript it may give several elements.
    pub value: Word,
}

/// What stands between `[` and `]`: an arithmetic expression, or a string
/// when the variable is associative, which is known only when it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Subscript {
    /// `@`
    At,
    /// `*`
    Star,
    /// Anything else.
    Word(Word),
}

/// A word: parts that stand side by side.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Word {
    /// In source order.
    pub parts: Vec<Part>,
    /// Has an unquoted `{` that brace expansion should look at.
    pub braces: bool,
    /// One part whose bytes are the only field: nothing to expand.
    pub plain: bool,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Part {
    /// Unquoted characters.
    Text(Vec<u8>),
    /// Characters protected by `'…'`, `\` or `$'…'`.
    Quoted(Vec<u8>),
    /// `"…"`
    Double(Vec<Part>),
    /// `~` or `~name` where it is expanded.
    Tilde(Vec<u8>),
    /// `$name`, `${…}`
    Parameter(Box<Parameter>),
    /// `$(…)` and `` `…` ``
    Command(Rc<Substitution>),
    /// `$((…))`
    Arithmetic(Box<Arithmetic>),
    /// `<(…)`, `>(…)`
    Process(Rc<ProcessSubstitution>),
    /// `name=value` as the operand of a declaration utility.
    Assignment(Box<Assignment>),
}

/// The list inside a command substitution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Substitution {
    /// What is run.
    pub body: List,
    /// `` `…` ``
    pub backquoted: bool,
}

/// `<(…)` or `>(…)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessSubstitution {
    /// `>(…)`: the command reads what is written.
    pub output: bool,
    /// What is run.
    pub body: List,
}

/// An arithmetic expression as written, and parsed where its text cannot
/// change between evaluations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// The text with its expansions.
    pub text: Word,
    /// The parsed expression.
    pub compiled: Option<ArithmeticExpression>,
}

/// A parsed arithmetic expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ArithmeticExpression {
    /// A constant.
    Number(i64),
    /// A variable by name.
    Variable(Vec<u8>),
    /// An array element; the subscript's text is kept for associative arrays.
    Element(Vec<u8>, Vec<u8>),
    /// `$name` inside a compiled expression: falls back to the text when its
    /// value is not a number.
    Parameter(Box<Parameter>),
    /// `- + ! ~`
    Unary(u8, Box<ArithmeticExpression>),
    /// A binary operator.
    Binary(ArithmeticOperator, Box<ArithmeticExpression>, Box<ArithmeticExpression>),
    /// `=` and `op=`; the operator is `None` for plain `=`.
    Assign(Option<ArithmeticOperator>, Box<ArithmeticExpression>, Box<ArithmeticExpression>),
    /// `++x`, `--x`: the step.
    PreStep(i64, Box<ArithmeticExpression>),
    /// `x++`, `x--`: the step.
    PostStep(i64, Box<ArithmeticExpression>),
    /// `a ? b : c`
    Conditional(Box<ArithmeticExpression>, Box<ArithmeticExpression>, Box<ArithmeticExpression>),
}

/// Binary operators of arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say what C calls them")]
pub enum ArithmeticOperator {
    Multiply,
    Divide,
    Remainder,
    Power,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    BitAnd,
    BitXor,
    BitOr,
    And,
    Or,
    Comma,
}

/// A parameter expansion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Which parameter.
    pub name: ParameterName,
    /// `[…]`
    pub index: Option<Subscript>,
    /// `${!name}`
    pub indirect: bool,
    /// What is done with its value.
    pub operation: Operation,
    /// Written with braces, for printing.
    pub braced: bool,
}

/// What a parameter expansion names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterName {
    /// A variable.
    Variable(Vec<u8>),
    /// `$1`, `${10}`
    Positional(u32),
    /// `@ * # ? - $ ! 0`
    Special(u8),
}

/// First, all, prefix or suffix matches in `${name/…}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplaceScope {
    /// `/`
    First,
    /// `//`
    All,
    /// `/#`
    Prefix,
    /// `/%`
    Suffix,
}

/// What a parameter expansion does with the value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// Nothing.
    Value,
    /// `${#name}`
    Length,
    /// `${name-word}`; `colon` for `:-`.
    Default {
        /// Null counts as unset.
        colon: bool,
        /// The default.
        word: Word,
    },
    /// `${name=word}`
    Assign {
        /// Null counts as unset.
        colon: bool,
        /// What is assigned.
        word: Word,
    },
    /// `${name?word}`
    Error {
        /// Null counts as unset.
        colon: bool,
        /// The message; none for the default text.
        word: Option<Word>,
    },
    /// `${name+word}`
    Alternative {
        /// Null counts as unset.
        colon: bool,
        /// The alternative.
        word: Word,
    },
    /// `${name#pattern}`, `${name##pattern}`
    RemovePrefix {
        /// Doubled operator.
        longest: bool,
        /// The pattern.
        pattern: Word,
    },
    /// `${name%pattern}`, `${name%%pattern}`
    RemoveSuffix {
        /// Doubled operator.
        longest: bool,
        /// The pattern.
        pattern: Word,
    },
    /// `${name/pattern/replacement}`
    Replace {
        /// Which matches.
        scope: ReplaceScope,
        /// The pattern.
        pattern: Word,
        /// What stands in its place.
        replacement: Word,
    },
    /// `${name:offset:length}`
    Substring {
        /// Where it starts.
        offset: Arithmetic,
        /// How long it is.
        length: Option<Arithmetic>,
    },
    /// `${name^}`, `${name,}`, `${name~}` and doubled.
    Case {
        /// `^`, `,` or `~`.
        kind: u8,
        /// Doubled operator.
        all: bool,
        /// Which characters; none for all.
        pattern: Option<Word>,
    },
    /// `${name@Q}` and the other letters.
    Transform(u8),
    /// `${!prefix*}`, `${!prefix@}`
    Names {
        /// `@` rather than `*`.
        at: bool,
    },
    /// `${!name[@]}`, `${!name[*]}`
    Keys {
        /// `@` rather than `*`.
        at: bool,
    },
    /// Something no shell knows: reported when it is expanded. Holds the text.
    Bad(Vec<u8>),
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redirection {
    /// Which descriptor.
    pub descriptor: Descriptor,
    /// What happens to it.
    pub action: RedirectionAction,
}

/// The left side of a redirection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Descriptor {
    /// The operator's own default.
    Default,
    /// A number.
    Number(u32),
    /// `{name}`
    Variable(Vec<u8>),
}

/// The operator and the right side of a redirection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RedirectionAction {
    /// `<`
    Read(Word),
    /// `>`
    Write(Word),
    /// `>|`
    Clobber(Word),
    /// `>>`
    Append(Word),
    /// `<>`
    ReadWrite(Word),
    /// `<&`
    DuplicateInput(Word),
    /// `>&`
    DuplicateOutput(Word),
    /// `&>`, and `>&word` where word is no descriptor.
    WriteBoth(Word),
    /// `&>>`
    AppendBoth(Word),
    /// `<<`, `<<-`
    Here(HereDocument),
    /// `<<<`
    HereString(Word),
}

/// A here-document; its body is filled in after the line's end was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HereDocument {
    body: Rc<OnceCell<HereBody>>,
}

/// The text of a here-document.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HereBody {
    /// The text; one quoted part when the delimiter was quoted.
    pub word: Word,
    /// The delimiter, for printing.
    pub delimiter: Vec<u8>,
    /// The delimiter was quoted.
    pub quoted: bool,
}

impl HereDocument {
    /// The body once it was read.
    pub fn body(&self) -> Option<&HereBody> {
        self.body.get()
    }
    /// Fills in the body; a second call changes nothing.
    pub fn set(&self, body: HereBody) {
        let _ = self.body.set(body);
    }
}

impl Serialize for HereDocument {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.get().cloned().unwrap_or_default().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HereDocument {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Self::default();
        document.set(HereBody::deserialize(deserializer)?);
        Ok(document)
    }
}

/// A compound command and its redirections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compound {
    /// Line of its first word.
    pub line: u32,
    /// Which command.
    pub kind: CompoundKind,
    /// Applied around the whole command.
    pub redirections: Vec<Redirection>,
}

/// The compound commands (XCU 2.9.4 and bash's).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CompoundKind {
    /// `{ …; }`
    Group(List),
    /// `( … )`
    Subshell(Rc<List>),
    /// `if`: conditions with bodies, and the `else` part.
    If(Vec<(List, List)>, Option<List>),
    /// `while`
    While(List, List),
    /// `until`
    Until(List, List),
    /// `for name in words`; `None`: the positional parameters.
    For {
        /// The variable.
        name: Vec<u8>,
        /// The words after `in`.
        words: Option<Vec<Word>>,
        /// What is run for each.
        body: List,
    },
    /// `select name in words`
    Select {
        /// The variable.
        name: Vec<u8>,
        /// The words after `in`.
        words: Option<Vec<Word>>,
        /// What is run for each choice.
        body: List,
    },
    /// `for ((a; b; c))`
    ArithmeticFor {
        /// Once before.
        start: Option<Arithmetic>,
        /// Before each round.
        condition: Option<Arithmetic>,
        /// After each round.
        step: Option<Arithmetic>,
        /// What is run.
        body: List,
    },
    /// `case word in … esac`
    Case(Word, Vec<CaseItem>),
    /// `(( … ))`
    Arithmetic(Arithmetic),
    /// `[[ … ]]`
    Conditional(Conditional),
    /// `coproc [name] command`
    Coprocess(Vec<u8>, Box<Command>),
}

/// What follows a case item's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaseEnd {
    /// `;;`
    Break,
    /// `;&`: run the next body.
    FallThrough,
    /// `;;&`: test the next patterns.
    Continue,
}

/// `pattern | pattern) list ;;`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseItem {
    /// Any of which matches.
    pub patterns: Vec<Word>,
    /// What is run.
    pub body: List,
    /// How it ends.
    pub end: CaseEnd,
}

/// An expression of `[[ ]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Conditional {
    /// `! e`
    Not(Box<Conditional>),
    /// `a && b`
    And(Box<Conditional>, Box<Conditional>),
    /// `a || b`
    Or(Box<Conditional>, Box<Conditional>),
    /// `( e )`, kept for printing.
    Group(Box<Conditional>),
    /// `-f word`: the letter and its operand.
    Unary(u8, Word),
    /// `word op word`
    Binary(Vec<u8>, Word, Word),
    /// `word`: true when not empty.
    Word(Word),
}

/// A function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name.
    pub name: Vec<u8>,
    /// Line of its definition.
    pub line: u32,
    /// The file it was read from, for BASH_SOURCE.
    pub source: Vec<u8>,
    /// A compound command with its redirections.
    pub body: Command,
}

impl Word {
    /// A word of unquoted characters that are not special.
    pub fn literal(text: impl Into<Vec<u8>>) -> Self {
        Self { parts: vec![Part::Quoted(text.into())], braces: false, plain: true }
    }

    /// The bytes of a word without quotes or expansions.
    pub fn unquoted_literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The only field of a plain word.
    pub fn plain_text(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [Part::Text(text) | Part::Quoted(text)] if self.plain => Some(text),
            _ => None,
        }
    }
}
