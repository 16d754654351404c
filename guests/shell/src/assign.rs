//! Assignment: attributes are obeyed, arrays addressed, and what the shell
//! derives from a variable is renewed.

use crate::expand::{Expanded, Key, change_case};
use crate::shell::{Shell, Unwind};
use crate::syntax::ast::{ArrayElement, Assignment, AssignmentValue, Subscript};
use crate::variables::{Associative, Flags, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

impl Shell {
    /// Runs one assignment of a simple command.
    pub fn assign(&mut self, assignment: &Assignment) -> Expanded<()> {
        match &assignment.value {
            AssignmentValue::Array(elements) => self.assign_array(&assignment.name, elements, assignment.append),
            AssignmentValue::Scalar(word) => {
                let value = self.expand_single(word)?;
                match &assignment.index {
                    None => self.assign_scalar(&assignment.name, value, assignment.append),
                    Some(Subscript::Word(_)) => {
                        let Some(index) = &assignment.index else { return Ok(()) };
                        let key = self.subscript_key(&assignment.name, index)?;
                        self.assign_element(&assignment.name, key, value, assignment.append)
                    }
                    Some(_) => {
                        let associative = self
                            .variables
                            .get(&assignment.name)
                            .is_some_and(|variable| variable.flags.has(Flags::ASSOCIATIVE));
                        let mark = if assignment.index == Some(Subscript::At) { b"@" } else { b"*" };
                        if associative {
                            return self.assign_element(
                                &assignment.name,
                                Key::Text(mark.to_vec()),
                                value,
                                assignment.append,
                            );
                        }
                        let mut message = assignment.name.clone();
                        message.push(b'[');
                        message.extend_from_slice(mark);
                        message.extend_from_slice(b"]: bad array subscript");
                        self.complain(&message);
                        self.status = 1;
                        Err(Unwind::Error)
                    }
                }
            }
        }
    }

    /// Says that `name` is read-only; the error of an assignment.
    pub fn read_only(&mut self, name: &[u8]) -> Unwind {
        let mut message = name.to_vec();
        message.extend_from_slice(if self.bash() { b": readonly variable" } else { b": is read only" });
        self.complain(&message);
        self.status = if self.bash() { 1 } else { 2 };
        Unwind::Error
    }

    fn shaped(&mut self, flags: Flags, value: Vec<u8>, old: Option<Vec<u8>>, append: bool) -> Expanded<Vec<u8>> {
        if flags.has(Flags::INTEGER) {
            let mut number = self.evaluate_text(&value)?;
            if append && let Some(old) = old {
                number = number.wrapping_add(self.evaluate_text(&old)?);
            }
            return Ok(number.to_string().into_bytes());
        }
        let mut value = match (append, old) {
            (true, Some(mut old)) => {
                old.extend_from_slice(&value);
                old
            }
            _ => value,
        };
        if flags.has(Flags::UPPER) {
            value = change_case(&value, b'^', true, None, self.utf8);
        } else if flags.has(Flags::LOWER) {
            value = change_case(&value, b',', true, None, self.utf8);
        } else if flags.has(Flags::CAPITALIZE) {
            value = change_case(&change_case(&value, b',', true, None, self.utf8), b'^', false, None, self.utf8);
        }
        Ok(value)
    }

    /// `name=value` and `name+=value`.
    pub fn assign_scalar(&mut self, name: &[u8], value: Vec<u8>, append: bool) -> Expanded<()> {
        let mut flags = match self.variables.get(name) {
            Some(variable) => variable.flags,
            None => Flags::default(),
        };
        let resolved;
        let mut name = name;
        if flags.has(Flags::NAMEREF) {
            let target = self.resolve_name(name);
            if target != name {
                if let Some(open) = target.iter().position(|byte| *byte == b'[') {
                    let (base, rest) = target.split_at(open);
                    let inner = rest.get(1..rest.len().saturating_sub(1)).unwrap_or_default().to_vec();
                    let base = base.to_vec();
                    let key = self.key_from_text(&base, &inner)?;
                    return self.assign_element(&base, key, value, append);
                }
                resolved = target;
                name = &resolved;
                flags = self.variables.get(name).map(|variable| variable.flags).unwrap_or_default();
            }
        }
        if flags.has(Flags::READONLY) {
            return Err(self.read_only(name));
        }
        if flags.has(Flags::INDEXED) {
            return self.assign_element(name, Key::Number(0), value, append);
        }
        if flags.has(Flags::ASSOCIATIVE) {
            return self.assign_element(name, Key::Text(b"0".to_vec()), value, append);
        }
        if self.assign_dynamic(name, &value) {
            return Ok(());
        }
        let value =
            if append || flags.0 & (Flags::INTEGER.0 | Flags::LOWER.0 | Flags::UPPER.0 | Flags::CAPITALIZE.0) != 0 {
                let old = if append { self.get(name) } else { None };
                self.shaped(flags, value, old, append)?
            } else {
                value
            };
        let export = self.options.allexport;
        let slot = self.variables.slot(name);
        slot.value = Value::Scalar(value);
        if export && !slot.flags.has(Flags::EXPORT) {
            slot.flags.set(Flags::EXPORT, true);
            self.variables.environment_changed();
        }
        if self.is_stale() {
            self.refresh();
        }
        Ok(())
    }

    /// `name[key]=value`; makes an indexed array where there is none.
    pub fn assign_element(&mut self, name: &[u8], key: Key, value: Vec<u8>, append: bool) -> Expanded<()> {
        let name = self.resolve_name(name);
        let name = name.as_slice();
        let flags = self.variables.get(name).map(|variable| variable.flags).unwrap_or_default();
        if flags.has(Flags::READONLY) {
            return Err(self.read_only(name));
        }
        let old = if append { self.element(name, &key) } else { None };
        let value = self.shaped(flags, value, old, append)?;
        match key {
            Key::Text(key) => {
                let slot = self.variables.slot(name);
                if !matches!(slot.value, Value::Associative(_)) {
                    slot.value = Value::Associative(Rc::default());
                    slot.flags.set(Flags::ASSOCIATIVE, true);
                }
                if let Value::Associative(elements) = &mut slot.value {
                    Rc::make_mut(elements).insert(key, value);
                }
            }
            Key::Number(index) => {
                let mut index = index;
                if index < 0 {
                    let length = match self.variables.get(name).map(|variable| &variable.value) {
                        Some(Value::Indexed(elements)) => elements.keys().next_back().map_or(0, |last| last + 1),
                        Some(Value::Scalar(_)) => 1,
                        _ => 0,
                    };
                    index += length;
                    if index < 0 {
                        let mut message = name.to_vec();
                        message.extend_from_slice(format!("[{}]: bad array subscript", index - length).as_bytes());
                        self.complain(&message);
                        self.status = 1;
                        return Err(Unwind::Error);
                    }
                }
                let slot = self.variables.slot(name);
                make_indexed(&mut slot.value);
                slot.flags.set(Flags::INDEXED, true);
                if let Value::Indexed(elements) = &mut slot.value {
                    Rc::make_mut(elements).insert(index, value);
                }
            }
        }
        Ok(())
    }

    /// `name=( … )` and `name+=( … )`.
    pub fn assign_array(&mut self, name: &[u8], elements: &[ArrayElement], append: bool) -> Expanded<()> {
        let name = self.resolve_name(name);
        let name = name.as_slice();
        let flags = self.variables.get(name).map(|variable| variable.flags).unwrap_or_default();
        if flags.has(Flags::READONLY) {
            return Err(self.read_only(name));
        }
        if flags.has(Flags::ASSOCIATIVE) {
            return self.assign_associative(name, elements, append, flags);
        }
        // The new elements are expanded before the old ones go.
        let mut array: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
        if append {
            match self.variables.get(name).map(|variable| &variable.value) {
                Some(Value::Indexed(old)) => array = old.as_ref().clone(),
                Some(Value::Scalar(old)) => {
                    array.insert(0, old.clone());
                }
                _ => {}
            }
        }
        let mut next = array.keys().next_back().map_or(0, |last| last + 1);
        for element in elements {
            match &element.index {
                Some(index) => {
                    let text = self.subscript_text(index)?;
                    let mut at = self.evaluate_text(&text)?;
                    if at < 0 {
                        at += array.keys().next_back().map_or(0, |last| last + 1);
                    }
                    if at < 0 {
                        let mut message = b"[".to_vec();
                        message.extend_from_slice(&text);
                        message.extend_from_slice(b"]: bad array subscript");
                        self.complain(&message);
                        self.status = 1;
                        return Err(Unwind::Error);
                    }
                    let value = self.expand_single(&element.value)?;
                    let old = if element.append { array.get(&at).cloned() } else { None };
                    let value = self.shaped(flags, value, old, element.append)?;
                    array.insert(at, value);
                    next = at + 1;
                }
                None => {
                    let mut fields = Vec::new();
                    self.expand_word(&element.value, &mut fields)?;
                    for field in fields {
                        let value = self.shaped(flags, field, None, false)?;
                        array.insert(next, value);
                        next += 1;
                    }
                }
            }
        }
        let export = self.options.allexport;
        let slot = self.variables.slot(name);
        slot.value = Value::Indexed(Rc::new(array));
        slot.flags.set(Flags::INDEXED, true);
        slot.flags.set(Flags::EXPORT, export || slot.flags.has(Flags::EXPORT));
        Ok(())
    }

    fn assign_associative(
        &mut self,
        name: &[u8],
        elements: &[ArrayElement],
        append: bool,
        flags: Flags,
    ) -> Expanded<()> {
        let mut array = match self.variables.get(name).map(|variable| &variable.value) {
            Some(Value::Associative(old)) if append => old.as_ref().clone(),
            _ => Associative::default(),
        };
        let mut loose: Vec<Vec<u8>> = Vec::new();
        for element in elements {
            match &element.index {
                Some(index) => {
                    let key = self.subscript_text(index)?;
                    let value = self.expand_single(&element.value)?;
                    let old = if element.append { array.get(&key).cloned() } else { None };
                    let value = self.shaped(flags, value, old, element.append)?;
                    array.insert(key, value);
                }
                // Keys and values by turns.
                None => self.expand_word(&element.value, &mut loose)?,
            }
        }
        let mut loose = loose.into_iter();
        while let Some(key) = loose.next() {
            let value = loose.next().unwrap_or_default();
            array.insert(key, self.shaped(flags, value, None, false)?);
        }
        self.variables.slot(name).value = Value::Associative(Rc::new(array));
        Ok(())
    }
}

/// Turns a scalar into element 0 of an indexed array.
pub fn make_indexed(value: &mut Value) {
    match value {
        Value::Indexed(_) => {}
        Value::Scalar(text) => {
            let mut elements = BTreeMap::new();
            elements.insert(0, std::mem::take(text));
            *value = Value::Indexed(Rc::new(elements));
        }
        _ => *value = Value::Indexed(Rc::default()),
    }
}
