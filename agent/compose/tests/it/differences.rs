//! Where the crate differs from Docker Compose on purpose.

/// One place of one case where the two may differ.
pub(crate) struct Difference {
    pub(crate) case: &'static str,
    /// JSON pointer; empty when one of the two refuses the whole case.
    pub(crate) pointer: &'static str,
    pub(crate) reason: &'static str,
}

const OCTAL: &str =
    "YAML 1.1 reads `022` as octal; in YAML 1.2 it is not, and in a variable the author means the text";
const DATE: &str =
    "YAML 1.1 knows dates and Docker Compose writes them as Go does; in YAML 1.2 they are texts";

/// Every difference; one that no longer shows fails the test.
pub(crate) const ALLOWED: &[Difference] = &[
    Difference {
        case: "numbers-with-leading-zeros",
        pointer: "/services/app/environment/UMASK",
        reason: OCTAL,
    },
    Difference {
        case: "numbers-with-leading-zeros",
        pointer: "/services/app/environment/NINE",
        reason: OCTAL,
    },
    Difference { case: "dates-and-times", pointer: "/services/app/environment/DATE", reason: DATE },
    Difference { case: "dates-and-times", pointer: "/services/app/environment/STAMP", reason: DATE },
    Difference {
        case: "include-long",
        pointer: "/services/one/volumes/0/source",
        reason: "the specification resolves paths from `project_directory`; this release starts from its parent",
    },
    Difference {
        case: "networks",
        pointer: "/services/lone/networks/front/gw_priority",
        reason: "this release reads the key and loses it while it copies the project",
    },
    Difference {
        case: "nulls",
        pointer: "",
        reason: "a key without a value counts as not written here; Docker Compose refuses some of them",
    },
];
