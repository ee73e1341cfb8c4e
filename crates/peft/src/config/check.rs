//! Checks that all settings share.

use crate::{PeftError, TargetModules};

/// [`PeftError::InvalidSetting`] unless `holds`.
pub(super) fn check(
    holds: bool,
    field: &str,
    found: impl ToString,
    expected: &'static str,
) -> Result<(), PeftError> {
    if holds {
        return Ok(());
    }
    Err(PeftError::InvalidSetting {
        field: field.into(),
        found: found.to_string(),
        expected,
    })
}

/// A probability with which something is dropped.
pub(super) fn check_dropout(field: &str, dropout: f64) -> Result<(), PeftError> {
    check(
        (0.0..1.0).contains(&dropout),
        field,
        dropout,
        "a probability from 0 to below 1",
    )
}

/// A rule that names something.
pub(super) fn check_targets(targets: &TargetModules) -> Result<(), PeftError> {
    match targets {
        TargetModules::Names(names) => check(
            !names.is_empty(),
            "target_modules",
            "[]",
            "a list with at least one name",
        ),
        TargetModules::Pattern(_) => Ok(()),
    }
}

/// PEFT's rules for the three settings that select layers of a stack.
///
/// `with_expression` is whether the method allows an expression beside
/// `layers_to_transform` (VeRA does, LoRA does not).
pub(super) fn check_layers(
    targets: &TargetModules,
    indices: Option<&[usize]>,
    patterns: Option<&[String]>,
    with_expression: bool,
) -> Result<(), PeftError> {
    if let TargetModules::Pattern(pattern) = targets {
        for (given, expected) in [
            (
                indices.is_some(),
                "a list where layers_to_transform is given",
            ),
            (patterns.is_some(), "a list where layers_pattern is given"),
        ] {
            check(
                with_expression || !given,
                "target_modules",
                format!("{pattern:?}"),
                expected,
            )?;
        }
    }
    check(
        indices.is_some() || patterns.is_none_or(<[String]>::is_empty),
        "layers_to_transform",
        "absent",
        "given where layers_pattern is",
    )
}

/// Names of modules to train and save whole.
pub(super) fn check_modules_to_save(names: Option<&[String]>) -> Result<(), PeftError> {
    check(
        !names.unwrap_or_default().iter().any(String::is_empty),
        "modules_to_save",
        r#"a list with """#,
        "a list of names of modules",
    )
}

/// One of PEFT's task types; its loader takes no other.
pub(super) fn check_task_type(task_type: Option<&str>) -> Result<(), PeftError> {
    const KNOWN: [&str; 6] = [
        "CAUSAL_LM",
        "SEQ_2_SEQ_LM",
        "SEQ_CLS",
        "TOKEN_CLS",
        "QUESTION_ANS",
        "FEATURE_EXTRACTION",
    ];
    let Some(name) = task_type else {
        return Ok(());
    };
    check(
        KNOWN.contains(&name),
        "task_type",
        format!("{name:?}"),
        "one of PEFT's: CAUSAL_LM, SEQ_2_SEQ_LM, SEQ_CLS, TOKEN_CLS, QUESTION_ANS, \
         FEATURE_EXTRACTION",
    )
}
