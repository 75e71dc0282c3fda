use std::collections::{BTreeMap, BTreeSet};

use hearth_model::form::{self, Field, FieldError, FieldKind};

/// A package's form while it is filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Form {
    fields: Vec<Field>,
    answers: BTreeMap<String, String>,
    touched: BTreeSet<String>,
    refused: Vec<FieldError>,
    /// Secrets that the box has and does not tell: an empty answer keeps them.
    kept: bool,
}

impl Form {
    /// Returns the form of a package that is not installed, with the package's own answers.
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        let answers = fields.iter().filter_map(|field| Some((field.name.clone(), plain_default(field)?)));
        Self { answers: answers.collect(), fields, ..Self::default() }
    }

    /// Returns the form of an installed app, with its owner's answers; secrets are not among them.
    pub(crate) fn of_installed(fields: Vec<Field>, answers: &BTreeMap<String, String>) -> Self {
        let mut form = Self::new(fields);
        form.answers.extend(answers.iter().map(|(name, answer)| (name.clone(), answer.clone())));
        form.kept = true;
        form
    }

    /// Fields that the owner is asked for, in the package's order.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.hidden)
    }

    /// The answer as it stands in its box.
    pub(crate) fn answer(&self, name: &str) -> &str {
        self.answers.get(name).map_or("", String::as_str)
    }

    /// Takes an answer.
    pub(crate) fn set(&mut self, name: &str, answer: String) {
        self.refused.retain(|error| error.field != name);
        self.answers.insert(name.to_owned(), answer);
    }

    /// Marks a field as visited: from now on its problem is shown.
    pub(crate) fn touch(&mut self, name: &str) {
        self.touched.insert(name.to_owned());
    }

    /// Shows every problem.
    pub(crate) fn touch_all(&mut self) {
        self.touched.extend(self.fields.iter().map(|field| field.name.clone()));
    }

    /// Takes what the box refused; what is about no field here is given back.
    pub(crate) fn refuse(&mut self, errors: &[FieldError]) -> Vec<FieldError> {
        let (mine, others) =
            errors.iter().cloned().partition(|error| self.visible().any(|field| field.name == error.field));
        self.refused = mine;
        others
    }

    /// What to show beside a field: the box's word, else what is wrong once it was visited.
    pub(crate) fn error(&self, name: &str) -> Option<String> {
        if let Some(error) = self.refused.iter().find(|error| error.field == name) {
            return Some(error.problem.clone());
        }
        self.touched.contains(name).then(|| self.problem(name)).flatten()
    }

    fn problem(&self, name: &str) -> Option<String> {
        let field = self.visible().find(|field| field.name == name)?;
        let answer = self.answer(name);
        if self.kept && answer.is_empty() && field.kind == FieldKind::Secret {
            return None;
        }
        form::check(field, answer).err().map(|error| error.problem)
    }

    /// Tells whether the box can be asked.
    pub(crate) fn is_valid(&self) -> bool {
        self.visible().all(|field| self.problem(&field.name).is_none())
    }

    /// What to send: what the owner answered. A package's own answer is left out, so that a later version may have a
    /// better one; so is an empty one.
    pub(crate) fn answers(&self) -> BTreeMap<String, String> {
        let answered = self.visible().filter_map(|field| {
            let answer = self.answer(&field.name);
            let own = !answer.is_empty() && plain_default(field).as_deref() != Some(answer);
            own.then(|| (field.name.clone(), answer.to_owned()))
        });
        answered.collect()
    }
}

/// The package's own answer, where it can be shown: one that refers to other fields is filled in by the box. `$$` stands
/// for a `$`.
fn plain_default(field: &Field) -> Option<String> {
    let default = field.default.as_deref();
    match (field.kind, default) {
        (FieldKind::Boolean, None) => Some("false".to_owned()),
        (FieldKind::Secret, _) => None,
        (_, default) => {
            let parts: Vec<&str> = default?.split("$$").collect();
            let refers = parts.iter().any(|part| part.contains('$'));
            (!refers).then(|| parts.join("$"))
        }
    }
}

/// Reads a port as a person typed it.
pub(crate) fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests;
