"""Who performs the steps of a payment: the own ledger, the payment gateway, the sender of receipts.

Holds the ports, their HTTP adapter, and the table of steps. Decides nothing (`ledger.sagas`).
Called by the runner of sagas.
"""
