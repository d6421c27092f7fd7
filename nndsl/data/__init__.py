"""Real data: readers by name, and the tables that they open."""

from nndsl.data.builtin import BUILTINS
from nndsl.data.known import calls_of, known_tables, reader_key, tables_of_run
from nndsl.data.loading import DataProblem, explain, needed_columns, open_tables, read_tables
from nndsl.data.parameters import Parameter, Reader
from nndsl.data.readers import READERS, open_file, open_like, open_reader, open_table
from nndsl.data.spool import spooled
from nndsl.data.table import ColumnInfo, Table

__all__ = [
    "BUILTINS",
    "READERS",
    "ColumnInfo",
    "DataProblem",
    "Parameter",
    "Reader",
    "Table",
    "calls_of",
    "explain",
    "known_tables",
    "needed_columns",
    "open_file",
    "open_like",
    "open_reader",
    "open_table",
    "open_tables",
    "read_tables",
    "reader_key",
    "spooled",
    "tables_of_run",
]
