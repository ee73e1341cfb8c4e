//! From sqlparser's statements to tables.

use std::collections::{HashMap, HashSet};

use sqlparser::ast::{
    AlterTableOperation, ColumnOption, CommentObject, CreateTable, CreateTableLikeKind, Expr,
    ForeignKeyConstraint, Ident, IndexColumn, ObjectName, Statement, TableConstraint, Value,
};

use super::layout::Layout;
use super::words::standard_type;
use crate::schema::{Column, ForeignKey, Schema, SchemaError, Table};

/// The tables so far.
pub(super) struct Builder {
    tables: Vec<Table>,
    /// Where each table is, by its name in small letters.
    places: HashMap<String, usize>,
    /// Tables that turned out to be partitions.
    left_out: HashSet<usize>,
    backslashes: bool,
}

impl Builder {
    pub(super) fn new(backslashes: bool) -> Self {
        Self {
            tables: Vec::new(),
            places: HashMap::new(),
            left_out: HashSet::new(),
            backslashes,
        }
    }

    /// A CREATE TABLE.
    pub(super) fn create(
        &mut self,
        create: &CreateTable,
        layout: &Layout<'_>,
        (number, line): (usize, usize),
    ) -> Result<(), SchemaError> {
        let name = last(&create.name);
        if name.to_ascii_lowercase().starts_with("sqlite_") || create.partition_of.is_some() {
            return Ok(());
        }
        let mut table = Table {
            name,
            comment: layout.comment(self.backslashes),
            ..Table::default()
        };
        for parent in create.inherits.iter().flatten() {
            if let Some(parent) = self.find(parent) {
                table.columns.extend(parent.columns.clone());
            }
        }
        if let Some(CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) =
            &create.like
            && let Some(model) = self.find(&like.name)
        {
            table.columns = model.columns.clone();
            // PostgreSQL's `(LIKE t)` copies no keys, MySQL's `LIKE t` does.
            if matches!(create.like, Some(CreateTableLikeKind::Plain(_))) {
                (table.primary_key, table.unique) =
                    (model.primary_key.clone(), model.unique.clone());
            }
        }
        if let Some(model) = create.clone.as_ref().and_then(|name| self.find(name)) {
            table = Table {
                name: table.name,
                ..model.clone()
            };
        }
        let items = layout.columns();
        for definition in &create.columns {
            let mut column = Column {
                name: definition.name.value.clone(),
                ..Column::default()
            };
            match items.get(&column.name) {
                Some(item) => {
                    column.declared_type = item.declared_type();
                    column.comment = item.comment(self.backslashes);
                }
                None => column.declared_type = standard_type(definition.data_type.to_string()),
            }
            options(
                &mut table,
                &mut column,
                definition.options.iter().map(|option| &option.option),
            );
            table.columns.push(column);
        }
        for constraint in &create.constraints {
            constrain(&mut table, constraint);
        }
        if create.without_rowid {
            let key = table.primary_key.clone();
            for column in &mut table.columns {
                column.not_null |= key
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&column.name));
            }
        }
        self.insert(table, create, (number, line))
    }

    fn insert(
        &mut self,
        table: Table,
        create: &CreateTable,
        (number, line): (usize, usize),
    ) -> Result<(), SchemaError> {
        if table.columns.is_empty() {
            let table = table.name;
            return Err(SchemaError::NoColumns {
                number,
                line,
                table,
            });
        }
        let mut names = HashSet::new();
        if let Some(twice) = table
            .columns
            .iter()
            .find(|column| !names.insert(column.name.to_ascii_lowercase()))
        {
            return Err(SchemaError::DuplicateColumn {
                number,
                line,
                column: twice.name.clone(),
                table: table.name,
            });
        }
        match self.places.get(&table.name.to_ascii_lowercase()) {
            None => {
                self.places
                    .insert(table.name.to_ascii_lowercase(), self.tables.len());
                self.tables.push(table);
            }
            Some(&place) if create.or_replace => self.tables[place] = table,
            Some(_) if create.if_not_exists => {}
            Some(_) => {
                let table = table.name;
                return Err(SchemaError::DuplicateTable {
                    number,
                    line,
                    table,
                });
            }
        }
        Ok(())
    }

    /// What ALTER TABLE … ADD and COMMENT ON say about tables that are there.
    pub(super) fn add_to_tables(&mut self, statement: Statement) {
        match statement {
            Statement::AlterTable(alter) => {
                let Some(place) = self.place(&last(&alter.name)) else {
                    return;
                };
                let table = &mut self.tables[place];
                for operation in &alter.operations {
                    match operation {
                        AlterTableOperation::AddConstraint { constraint, .. } => {
                            constrain(table, constraint)
                        }
                        AlterTableOperation::AddColumn { column_def, .. }
                            if table.place(&column_def.name.value).is_none() =>
                        {
                            let mut column = Column {
                                name: column_def.name.value.clone(),
                                declared_type: standard_type(column_def.data_type.to_string()),
                                ..Column::default()
                            };
                            options(
                                table,
                                &mut column,
                                column_def.options.iter().map(|option| &option.option),
                            );
                            table.columns.push(column);
                        }
                        _ => {}
                    }
                }
            }
            Statement::Comment {
                object_type,
                object_name,
                comment,
                ..
            } => {
                let parts: Vec<String> = object_name.0.iter().map(ToString::to_string).collect();
                let column = (object_type == CommentObject::Column).then(|| last(&object_name));
                let ObjectName(mut names) = object_name;
                if column.is_some() {
                    names.pop();
                } else if object_type != CommentObject::Table || parts.is_empty() {
                    return;
                }
                let Some(place) = self.place(&last(&ObjectName(names))) else {
                    return;
                };
                let table = &mut self.tables[place];
                match column {
                    None => table.comment = comment,
                    Some(name) => {
                        if let Some(at) = table.place(&name) {
                            table.columns[at].comment = comment;
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A table is a partition of another.
    pub(super) fn leave_out(&mut self, name: &str) {
        self.left_out.extend(self.place(name));
    }

    /// The schema, with every name in a key as its column writes it.
    pub(super) fn finish(self) -> Result<Schema, SchemaError> {
        if self.tables.is_empty() {
            return Err(SchemaError::NoTables);
        }
        let tables = self.tables.into_iter().enumerate();
        let mut schema = Schema {
            tables: tables
                .filter(|(place, _)| !self.left_out.contains(place))
                .map(|(_, table)| table)
                .collect(),
            ..Schema::default()
        };
        for table in &mut schema.tables {
            table.tidy();
        }
        Ok(schema)
    }

    fn find(&self, name: &ObjectName) -> Option<&Table> {
        self.place(&last(name)).map(|place| &self.tables[place])
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(&name.to_ascii_lowercase()).copied()
    }
}

fn options<'a>(
    table: &mut Table,
    column: &mut Column,
    options: impl Iterator<Item = &'a ColumnOption>,
) {
    let own = || vec![column.name.clone()];
    let (mut not_null, mut comment) = (false, None);
    for option in options {
        match option {
            ColumnOption::NotNull => not_null = true,
            ColumnOption::PrimaryKey(_) => table.primary_key = own(),
            ColumnOption::Unique(_) => table.unique.push(own()),
            ColumnOption::ForeignKey(key) => table.foreign_keys.push(foreign_key(key, own())),
            ColumnOption::Comment(text) => comment = Some(text.clone()),
            _ => {}
        }
    }
    column.not_null |= not_null;
    if column.comment.is_none() {
        column.comment = comment;
    }
}

fn constrain(table: &mut Table, constraint: &TableConstraint) {
    match constraint {
        TableConstraint::PrimaryKey(key) => {
            if let Some(columns) = columns(&key.columns) {
                table.primary_key = columns;
            }
        }
        TableConstraint::Unique(unique) => table.unique.extend(columns(&unique.columns)),
        TableConstraint::ForeignKey(key) => {
            let columns = names(&key.columns);
            table.foreign_keys.push(foreign_key(key, columns));
        }
        _ => {}
    }
}

fn foreign_key(key: &ForeignKeyConstraint, columns: Vec<String>) -> ForeignKey {
    ForeignKey {
        columns,
        table: last(&key.foreign_table),
        references: names(&key.referred_columns),
    }
}

fn names(idents: &[Ident]) -> Vec<String> {
    idents.iter().map(|ident| ident.value.clone()).collect()
}

/// The names of a key's columns; nothing if one is an expression.
fn columns(columns: &[IndexColumn]) -> Option<Vec<String>> {
    let name = |column: &IndexColumn| {
        let mut expression = &column.column.expr;
        while let Expr::Collate { expr, .. } | Expr::Nested(expr) = expression {
            expression = expr;
        }
        match expression {
            Expr::Identifier(ident) => Some(ident.value.clone()),
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => {
                    Some(text.clone())
                }
                _ => None,
            },
            // MySQL: the first so many characters of a column.
            Expr::Function(function) => Some(last(&function.name)),
            _ => None,
        }
    };
    columns.iter().map(name).collect()
}

/// A name without database and schema.
fn last(name: &ObjectName) -> String {
    let part = name.0.last().and_then(|part| part.as_ident());
    part.map_or_else(String::new, |ident| ident.value.clone())
}
