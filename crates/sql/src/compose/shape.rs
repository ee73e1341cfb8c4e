//! The kinds of questions.

use serde::{Deserialize, Serialize};

macro_rules! shapes {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $weight:literal,)+) => {
        /// What a composed query is made of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Shape {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Shape {
            /// All shapes, from the simplest to the hardest.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name, as JSON has it.
            ///
            /// ```
            /// assert_eq!(anneal_sql::Shape::NestedIn.name(), "nested_in");
            /// ```
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How often it is drawn unless told otherwise, relative to the others.
            ///
            /// Together a quarter of the questions join tables, a fifth group, one in six nests queries or combines two.
            #[must_use]
            pub const fn weight(self) -> u32 {
                match self { $(Self::$variant => $weight,)+ }
            }
        }
    };
}

shapes! {
    /// One column of all rows.
    Project "project" 3,
    /// Two or three columns of all rows.
    ProjectSeveral "project_several" 3,
    /// The different values of a column.
    Distinct "distinct" 3,
    /// Columns of the rows that one comparison keeps.
    Filter "filter" 8,
    /// The same with BETWEEN.
    FilterBetween "filter_between" 2,
    /// The same with LIKE.
    FilterLike "filter_like" 3,
    /// The same with a list of values.
    FilterIn "filter_in" 2,
    /// Two conditions, both of which hold.
    FilterAnd "filter_and" 3,
    /// Two conditions, one of which holds.
    FilterOr "filter_or" 3,
    /// Rows with or without a value.
    FilterNull "filter_null" 1,
    /// The number of rows.
    Count "count" 3,
    /// The number of rows that a comparison keeps.
    CountFilter "count_filter" 5,
    /// The number of different values.
    CountDistinct "count_distinct" 3,
    /// A sum, average, minimum or maximum.
    Aggregate "aggregate" 4,
    /// Two or three of these.
    AggregateSeveral "aggregate_several" 3,
    /// One of these over the rows that a comparison keeps.
    AggregateFilter "aggregate_filter" 3,
    /// All rows in an order.
    Order "order" 4,
    /// The one row that comes first.
    Top "top" 5,
    /// The first few rows.
    TopSeveral "top_several" 2,
    /// A count for each value.
    Group "group" 5,
    /// Another aggregate for each value.
    GroupAggregate "group_aggregate" 4,
    /// The most or least frequent value.
    GroupTop "group_top" 4,
    /// The values that occur often enough, or whose average is high enough.
    Having "having" 4,
    /// Columns of two tables.
    Join "join" 4,
    /// Columns of one table by a condition on another.
    JoinFilter "join_filter" 7,
    /// The same over three tables.
    JoinTwoHops "join_two_hops" 4,
    /// The number of rows by a condition on another table.
    JoinCount "join_count" 4,
    /// A count for each row of another table.
    JoinGroup "join_group" 4,
    /// The row of another table with most rows.
    JoinTop "join_top" 4,
    /// The rows of another table with enough rows.
    JoinHaving "join_having" 3,
    /// Columns of two tables in an order.
    JoinOrder "join_order" 2,
    /// Rows above or below the average.
    NestedAverage "nested_average" 3,
    /// Rows that have the highest or lowest value.
    NestedExtreme "nested_extreme" 2,
    /// Rows that another table names.
    NestedIn "nested_in" 3,
    /// Rows that no row of another table names.
    NestedNotIn "nested_not_in" 4,
    /// What one or another query gives.
    Union "union" 2,
    /// What two queries both give.
    Intersect "intersect" 3,
    /// What one query gives and another one does not.
    Except "except" 3,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
