"""`python -m amkit`."""

from amkit.cli import app

app(prog_name="amkit")
