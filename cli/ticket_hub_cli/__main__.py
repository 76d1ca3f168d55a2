"""`python -m ticket_hub_cli` is `ticket`."""

from ticket_hub_cli.main import main

if __name__ == "__main__":
    main()
