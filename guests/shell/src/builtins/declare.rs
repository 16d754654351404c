//! `export`, `readonly`, `declare`, `typeset`, `local`, `unset`.

use crate::escapes;
use crate::expand::{Key, array_literal, attribute_letters};
use crate::shell::{Run, Shell, Unwind};
use crate::syntax::ast::{AssignmentValue, Part};
use crate::syntax::is_name;
use crate::variables::{Flags, Value, Variable};
use std::rc::Rc;

/// What the options of declare ask for.
#[derive(Debug, Clone, Copy, Default)]
struct Request {
    on: Flags,
    off: Flags,
    print: bool,
    functions: bool,
    names_only: bool,
    global: bool,
    inherit: bool,
    local: bool,
}

/// `export [-fn] [name[=value]…]`, `export -p`
pub fn export(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    simple_declaration(shell, arguments, Flags::EXPORT)
}

/// `readonly [-aAf] [name[=value]…]`, `readonly -p`
pub fn readonly(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    simple_declaration(shell, arguments, Flags::READONLY)
}

fn simple_declaration(shell: &mut Shell, arguments: &[Vec<u8>], flag: Flags) -> Run {
    let name = arguments.first().cloned().unwrap_or_default();
    let mut request = Request { on: flag, ..Request::default() };
    let mut options = super::Options::new(arguments);
    let operands = loop {
        match options.next(b"pfnaA") {
            super::Parsed::Option(b'p') => request.print = true,
            super::Parsed::Option(b'f') => request.functions = true,
            super::Parsed::Option(b'n') => {
                request.on.set(flag, false);
                request.off.set(flag, true);
            }
            super::Parsed::Option(b'a') => request.on.set(Flags::INDEXED, true),
            super::Parsed::Option(b'A') => request.on.set(Flags::ASSOCIATIVE, true),
            super::Parsed::Option(other) | super::Parsed::Bad(other) => {
                return shell.bad_option(&name, other, "export [-fn] [name[=value] ...] or export -p");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    if operands.is_empty() {
        shell.array_operands.clear();
        return print_flagged(shell, &name, flag);
    }
    let first = arguments.len() - operands.len();
    run_request(shell, &name, request, operands, first)
}

/// `declare`, `typeset`
pub fn declare(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut request = Request { local: shell.frames.iter().any(|frame| frame.is_function), ..Request::default() };
    let name = arguments.first().cloned().unwrap_or_default();
    let (count, bad) = read_flags(arguments, &mut request);
    if let Some(letter) = bad {
        return shell.bad_option(
            &name,
            letter,
            "declare [-aAfFgiIlnrtux] [name[=value] ...] or declare -p [-aAfFilnrtux] [name ...]",
        );
    }
    request.local &= !request.global;
    let operands = arguments.get(count..).unwrap_or_default();
    if operands.is_empty() {
        shell.array_operands.clear();
        return list(shell, request);
    }
    if request.functions {
        return functions(shell, request, operands);
    }
    if request.print {
        return print_named(shell, &name, operands);
    }
    run_request(shell, &name, request, operands, count)
}

/// `local`
pub fn local(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    if !shell.frames.iter().any(|frame| frame.is_function) {
        shell.builtin_error(
            b"local",
            if shell.bash() { b"can only be used in a function" } else { b"not in a function" },
        );
        return shell.special_failed(b"local", if shell.bash() { 1 } else { 2 });
    }
    if arguments.get(1).is_some_and(|first| first == b"-") && arguments.len() == 2 {
        let depth = shell.frames.len();
        shell.local_options.push(depth);
        return Ok(0);
    }
    let mut request = Request { local: true, ..Request::default() };
    let (count, bad) = read_flags(arguments, &mut request);
    if let Some(letter) = bad {
        return shell.bad_option(b"local", letter, "local [option] name[=value] ...");
    }
    let operands = arguments.get(count..).unwrap_or_default();
    if operands.is_empty() {
        let mut names = shell.variables.local_names();
        names.sort();
        let mut out = Vec::new();
        for name in names {
            if let Some(variable) = shell.variables.get(&name) {
                out.extend_from_slice(&plain_line(&name, variable));
            }
        }
        return shell.print("local", &out);
    }
    run_request(shell, b"local", request, operands, count)
}

/// Reads `-x` and `+x` flags; the index of the first operand and a bad letter.
fn read_flags(arguments: &[Vec<u8>], request: &mut Request) -> (usize, Option<u8>) {
    let mut at = 1;
    while let Some(argument) = arguments.get(at) {
        if argument == b"--" {
            return (at + 1, None);
        }
        let (on, letters) = match argument.split_first() {
            Some((b'-', letters)) if !letters.is_empty() => (true, letters),
            Some((b'+', letters)) if !letters.is_empty() => (false, letters),
            _ => break,
        };
        for letter in letters {
            let flag = match letter {
                b'a' => Flags::INDEXED,
                b'A' => Flags::ASSOCIATIVE,
                b'i' => Flags::INTEGER,
                b'l' => Flags::LOWER,
                b'u' => Flags::UPPER,
                b'c' => Flags::CAPITALIZE,
                b'n' => Flags::NAMEREF,
                b'r' => Flags::READONLY,
                b't' => Flags::TRACE,
                b'x' => Flags::EXPORT,
                b'p' => {
                    request.print = true;
                    continue;
                }
                b'f' => {
                    request.functions = true;
                    continue;
                }
                b'F' => {
                    request.functions = true;
                    request.names_only = true;
                    continue;
                }
                b'g' => {
                    request.global = true;
                    continue;
                }
                b'I' => {
                    request.inherit = true;
                    continue;
                }
                other => return (at, Some(*other)),
            };
            if on {
                request.on.set(flag, true);
            } else {
                request.off.set(flag, true);
            }
        }
        at += 1;
    }
    (at, None)
}

/// Splits `name[index]+=value`.
struct Operand {
    name: Vec<u8>,
    index: Option<Vec<u8>>,
    append: bool,
    value: Option<Vec<u8>>,
}

fn split_operand(text: &[u8]) -> Option<Operand> {
    let length = text.iter().position(|byte| !crate::syntax::is_name_byte(*byte)).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(length);
    if !is_name(name) {
        return None;
    }
    let mut index = None;
    if rest.first() == Some(&b'[') {
        let equals =
            rest.windows(2).position(|pair| pair == b"]=" || pair == b"]+").unwrap_or(rest.len().saturating_sub(1));
        if rest.get(equals) != Some(&b']') {
            return None;
        }
        index = Some(rest.get(1..equals).unwrap_or_default().to_vec());
        rest = rest.get(equals + 1..).unwrap_or_default();
    }
    let append = rest.starts_with(b"+=");
    let value = match rest {
        [] => None,
        [b'=', value @ ..] | [b'+', b'=', value @ ..] => Some(value.to_vec()),
        _ => return None,
    };
    Some(Operand { name: name.to_vec(), index, append, value })
}

fn run_request(shell: &mut Shell, builtin: &[u8], request: Request, operands: &[Vec<u8>], first: usize) -> Run {
    let arrays = std::mem::take(&mut shell.array_operands);
    let mut status = 0;
    if request.functions {
        return functions(shell, request, operands);
    }
    for (index, text) in operands.iter().enumerate() {
        let array = arrays.iter().find(|array| array.field == first + index).cloned();
        let Some(operand) = split_operand(text) else {
            let mut message = if shell.bash() { vec![b'`'] } else { Vec::new() };
            message.extend_from_slice(text);
            message.extend_from_slice(if shell.bash() { b"': not a valid identifier" } else { b": bad variable name" });
            shell.builtin_error(builtin, &message);
            status = if shell.bash() { 1 } else { 2 };
            if !shell.bash() {
                return shell.special_failed(builtin, 2);
            }
            continue;
        };
        if let Err(unwind) = one(shell, builtin, request, operand, array) {
            if unwind != Unwind::Error || !shell.bash() {
                return Err(unwind);
            }
            status = 1;
        }
    }
    Ok(status)
}

fn one(
    shell: &mut Shell,
    builtin: &[u8],
    request: Request,
    operand: Operand,
    array: Option<crate::interp::ArrayOperand>,
) -> Result<(), Unwind> {
    let mut name = operand.name;
    let in_function = shell.frames.iter().any(|frame| frame.is_function);
    if request.local && in_function && !request.global {
        if let Some(variable) = shell.variables.get(&name)
            && variable.flags.has(Flags::READONLY)
            && !shell.variables.is_local(&name)
            && shell.bash()
        {
            let mut message = name.clone();
            message.extend_from_slice(b": readonly variable");
            shell.builtin_error(builtin, &message);
            shell.status = 1;
            return Err(Unwind::Error);
        }
        let keep = request.inherit || (!shell.bash() && operand.value.is_none() && array.is_none());
        shell.declare_local(&name, keep || shell.options.localvar_inherit);
    } else if !request.on.has(Flags::NAMEREF) && !request.off.has(Flags::NAMEREF) {
        name = shell.resolve_name(&name);
    }
    let name = name.as_slice();
    let flags = shell.variables.get(name).map(|variable| variable.flags).unwrap_or_default();
    if flags.has(Flags::READONLY) && (operand.value.is_some() || array.is_some() || request.off.has(Flags::READONLY)) {
        if request.off.has(Flags::READONLY) && shell.bash() {
            let mut message = name.to_vec();
            message.extend_from_slice(b": readonly variable");
            shell.builtin_error(builtin, &message);
            shell.status = 1;
            return Err(Unwind::Error);
        }
        return Err(shell.read_only(name));
    }
    // Attributes that shape a value come before it, READONLY after.
    let shaping = Flags(request.on.0 & !(Flags::READONLY.0));
    let bash = shell.bash();
    {
        let slot =
            if request.global && in_function { shell.variables.global_slot(name) } else { shell.variables.slot(name) };
        if shaping.has(Flags::ASSOCIATIVE) && !matches!(slot.value, Value::Associative(_)) {
            slot.value = Value::Associative(Rc::default());
        }
        if shaping.has(Flags::INDEXED)
            && !matches!(slot.value, Value::Indexed(_))
            && !matches!(slot.value, Value::Unset)
        {
            crate::assign::make_indexed(&mut slot.value);
        }
        if shaping.has(Flags::UPPER) {
            slot.flags.set(Flags::LOWER, false);
        }
        if shaping.has(Flags::LOWER) {
            slot.flags.set(Flags::UPPER, false);
        }
        slot.flags.0 |= shaping.0 & !Flags::NAMEREF.0;
        slot.flags.0 &= !request.off.0;
        if request.on.has(Flags::NAMEREF) {
            slot.flags.set(Flags::NAMEREF, true);
            if let Some(value) = &operand.value {
                slot.value = Value::Scalar(value.clone());
            }
        }
    }
    shell.variables.environment_changed();
    if let Some(array) = array {
        let command = array.command.clone();
        if let Some([Part::Assignment(assignment)]) = command.words.get(array.word).map(|word| word.parts.as_slice())
            && let AssignmentValue::Array(elements) = &assignment.value
        {
            shell.assign_array(name, elements, assignment.append)?;
        }
    } else if let Some(value) = operand.value.filter(|_| !request.on.has(Flags::NAMEREF)) {
        let compound = bash
            && value.starts_with(b"(")
            && value.ends_with(b")")
            && (request.on.has(Flags::INDEXED) || request.on.has(Flags::ASSOCIATIVE));
        match &operand.index {
            Some(index) => {
                let key = shell.key_from_text(name, index)?;
                shell.assign_element(name, key, value, operand.append)?;
            }
            None if compound => assign_compound_text(shell, name, &value, operand.append)?,
            None if request.global && in_function => {
                let slot = shell.variables.global_slot(name);
                slot.value = Value::Scalar(value);
            }
            None if request.on.has(Flags::INDEXED) => {
                shell.assign_element(name, Key::Number(0), value, operand.append)?
            }
            None => shell.assign_scalar(name, value, operand.append)?,
        }
    }
    if request.on.has(Flags::READONLY) {
        let slot =
            if request.global && in_function { shell.variables.global_slot(name) } else { shell.variables.slot(name) };
        slot.flags.set(Flags::READONLY, true);
    }
    if shell.is_stale() {
        shell.refresh();
    }
    Ok(())
}

/// `declare -a 'name=(a b)'`: the text is read as an array.
fn assign_compound_text(shell: &mut Shell, name: &[u8], value: &[u8], append: bool) -> Result<(), Unwind> {
    let mut text = name.to_vec();
    text.extend_from_slice(if append { b"+=" } else { b"=" });
    text.extend_from_slice(value);
    let line = shell.line;
    shell.run_text(text.into(), line, "eval").map(|_| ())
}

fn functions(shell: &mut Shell, request: Request, operands: &[Vec<u8>]) -> Run {
    let mut status = 0;
    for name in operands {
        let Some(function) = shell.functions.get(name).cloned() else {
            if !request.names_only && (request.on.has(Flags::EXPORT) || request.on.has(Flags::READONLY)) {
                let mut message = name.clone();
                message.extend_from_slice(b": not a function");
                shell.builtin_error(b"export", &message);
            }
            status = 1;
            continue;
        };
        if request.on.has(Flags::EXPORT) || request.off.has(Flags::EXPORT) {
            function.exported.set(request.on.has(Flags::EXPORT));
        } else if request.on.has(Flags::READONLY) {
            shell.read_only_functions.insert(name.clone());
        } else if request.names_only {
            let mut out = name.clone();
            out.push(b'\n');
            shell.print("declare", &out)?;
        } else if let Some(tree) = function.tree() {
            let mut out = crate::syntax::print::function(&tree);
            out.push(b'\n');
            shell.print("declare", &out)?;
        }
    }
    Ok(status)
}

/// `name=value` as `set` prints it.
pub fn plain_line(name: &[u8], variable: &Variable) -> Vec<u8> {
    let mut out = name.to_vec();
    match &variable.value {
        Value::Unset => {}
        Value::Scalar(value) => {
            out.push(b'=');
            out.extend_from_slice(&escapes::quote_if_needed(value));
        }
        other => {
            out.push(b'=');
            out.extend_from_slice(&array_literal(other));
        }
    }
    out.push(b'\n');
    out
}

/// `declare -x name="value"`
fn declare_line(name: &[u8], variable: &Variable) -> Vec<u8> {
    let letters = attribute_letters(variable);
    let mut out = b"declare -".to_vec();
    out.extend_from_slice(if letters.is_empty() { b"-" } else { &letters });
    out.push(b' ');
    out.extend_from_slice(name);
    match &variable.value {
        Value::Unset => {}
        Value::Scalar(value) => {
            out.push(b'=');
            out.extend_from_slice(&escapes::quote_double(value));
        }
        other => {
            out.push(b'=');
            out.extend_from_slice(&array_literal(other));
        }
    }
    out.push(b'\n');
    out
}

fn sorted(shell: &Shell) -> Vec<(Vec<u8>, Variable)> {
    let mut all: Vec<(Vec<u8>, Variable)> =
        shell.variables.iter().map(|(name, variable)| (name.to_vec(), variable.clone())).collect();
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all
}

fn print_flagged(shell: &mut Shell, builtin: &[u8], flag: Flags) -> Run {
    let mut out = Vec::new();
    for (name, variable) in sorted(shell) {
        if !variable.flags.has(flag) {
            continue;
        }
        if shell.bash() {
            out.extend_from_slice(&declare_line(&name, &variable));
        } else {
            out.extend_from_slice(builtin);
            out.push(b' ');
            out.extend_from_slice(&name);
            if let Some(value) = variable.value.scalar() {
                out.push(b'=');
                out.extend_from_slice(&escapes::quote_single(value));
            }
            out.push(b'\n');
        }
    }
    shell.print("export", &out)
}

fn print_named(shell: &mut Shell, builtin: &[u8], operands: &[Vec<u8>]) -> Run {
    let mut status = 0;
    for name in operands {
        let line = shell.variables.get(name).map(|variable| declare_line(name, variable));
        match line {
            Some(line) => {
                shell.print("declare", &line)?;
            }
            None => match shell.dynamic_array(name) {
                Some(values) => {
                    let mut out = b"declare -a ".to_vec();
                    out.extend_from_slice(name);
                    out.push(b'=');
                    let elements = values.into_iter().enumerate().map(|(index, value)| (index as i64, value)).collect();
                    out.extend_from_slice(&array_literal(&Value::Indexed(Rc::new(elements))));
                    out.push(b'\n');
                    shell.print("declare", &out)?;
                }
                None => {
                    let mut message = name.clone();
                    message.extend_from_slice(b": not found");
                    shell.builtin_error(builtin, &message);
                    status = 1;
                }
            },
        }
    }
    Ok(status)
}

fn list(shell: &mut Shell, request: Request) -> Run {
    let mut out = Vec::new();
    if request.functions {
        let mut names: Vec<Vec<u8>> = shell.functions.keys().cloned().collect();
        names.sort();
        for name in names {
            if request.names_only {
                out.extend_from_slice(b"declare -f ");
                out.extend_from_slice(&name);
                out.push(b'\n');
            } else if let Some(tree) = shell.functions.get(&name).and_then(|function| function.tree()) {
                out.extend_from_slice(&crate::syntax::print::function(&tree));
                out.push(b'\n');
            }
        }
        return shell.print("declare", &out);
    }
    for (name, variable) in sorted(shell) {
        if request.on.0 != 0 && variable.flags.0 & request.on.0 == 0 {
            continue;
        }
        if request.print || request.on.0 != 0 {
            out.extend_from_slice(&declare_line(&name, &variable));
        } else {
            out.extend_from_slice(&plain_line(&name, &variable));
        }
    }
    shell.print("declare", &out)
}

/// `unset [-fvn] name…`
pub fn unset(shell: &mut Shell, arguments: &[Vec<u8>]) -> Run {
    let mut options = super::Options::new(arguments);
    let (mut functions, mut variables, mut reference) = (false, false, false);
    let operands = loop {
        match options.next(b"fvn") {
            super::Parsed::Option(b'f') => functions = true,
            super::Parsed::Option(b'v') => variables = true,
            super::Parsed::Option(b'n') => reference = true,
            super::Parsed::Option(other) | super::Parsed::Bad(other) => {
                return shell.bad_option(b"unset", other, "unset [-f] [-v] [-n] [name ...]");
            }
            super::Parsed::Operands(operands) => break operands,
        }
    };
    let mut status = 0;
    for text in operands {
        if functions {
            if shell.read_only_functions.contains(text) {
                let mut message = text.clone();
                message.extend_from_slice(b": cannot unset: readonly function");
                shell.builtin_error(b"unset", &message);
                status = 1;
                continue;
            }
            Rc::make_mut(&mut shell.functions).remove(text);
            continue;
        }
        let (name, index) = match text.iter().position(|byte| *byte == b'[') {
            Some(open) if text.ends_with(b"]") => {
                let (name, rest) = text.split_at(open);
                (name.to_vec(), Some(rest.get(1..rest.len() - 1).unwrap_or_default().to_vec()))
            }
            _ => (text.clone(), None),
        };
        let name = if reference { name } else { shell.resolve_name(&name) };
        let (name, index) = match name.iter().position(|byte| *byte == b'[') {
            Some(open) if index.is_none() => {
                let (base, rest) = name.split_at(open);
                (base.to_vec(), Some(rest.get(1..rest.len().saturating_sub(1)).unwrap_or_default().to_vec()))
            }
            _ => (name, index),
        };
        if !is_name(&name) {
            if shell.bash() && !variables && shell.functions.contains_key(&name) {
                Rc::make_mut(&mut shell.functions).remove(&name);
                continue;
            }
            let mut message = if shell.bash() { vec![b'`'] } else { Vec::new() };
            message.extend_from_slice(text);
            message.extend_from_slice(if shell.bash() { b"': not a valid identifier" } else { b": bad variable name" });
            shell.builtin_error(b"unset", &message);
            if !shell.bash() {
                return shell.special_failed(b"unset", 2);
            }
            status = 1;
            continue;
        }
        let Some(variable) = shell.variables.get(&name) else {
            if !variables && shell.bash() && shell.functions.contains_key(&name) {
                Rc::make_mut(&mut shell.functions).remove(&name);
            }
            continue;
        };
        if variable.flags.has(Flags::READONLY) {
            let mut message = name.clone();
            message.extend_from_slice(if shell.bash() {
                b": cannot unset: readonly variable"
            } else {
                b": is read only"
            });
            shell.builtin_error(b"unset", &message);
            if !shell.bash() {
                return shell.special_failed(b"unset", 2);
            }
            status = 1;
            continue;
        }
        match index {
            Some(index) => {
                if let Err(unwind) = unset_element(shell, &name, &index) {
                    if unwind != Unwind::Error {
                        return Err(unwind);
                    }
                    status = 1;
                }
            }
            None if shell.variables.is_local(&name) => {
                // Still local, without a value.
                let slot = shell.variables.slot(&name);
                slot.value = Value::Unset;
                slot.flags = Flags::default();
                shell.variables.environment_changed();
            }
            None => shell.variables.remove(&name),
        }
        if shell.is_stale() {
            shell.refresh();
        }
    }
    Ok(status)
}

fn unset_element(shell: &mut Shell, name: &[u8], index: &[u8]) -> Result<(), Unwind> {
    if matches!(index, b"@" | b"*") {
        let associative = shell.variables.get(name).is_some_and(|variable| variable.flags.has(Flags::ASSOCIATIVE));
        if !associative {
            shell.variables.remove(name);
            return Ok(());
        }
    }
    let key = shell.key_from_text(name, index)?;
    let last = match shell.variables.get(name).map(|variable| &variable.value) {
        Some(Value::Indexed(elements)) => elements.keys().next_back().copied().unwrap_or(-1),
        _ => 0,
    };
    match (&mut shell.variables.slot(name).value, key) {
        (Value::Indexed(elements), Key::Number(at)) => {
            let at = if at < 0 { last + 1 + at } else { at };
            Rc::make_mut(elements).remove(&at);
        }
        (Value::Associative(elements), Key::Text(key)) => Rc::make_mut(elements).remove(&key),
        (value @ Value::Scalar(_), Key::Number(0)) => *value = Value::Unset,
        _ => {}
    }
    Ok(())
}
