import numpy as np

import tinydl as td
from tinydl import _html, nn
from tinydl.data import ArrayDataset


def cells(shown):
    """The cells of each row of the body."""
    rows = shown.split("<tbody>")[1].split("</tbody>")[0].split("<tr>")[1:]
    return [[cell.split(">")[1].split("<")[0] for cell in row.split("<td")[1:]] for row in rows]


def test_a_table():
    shown = _html.table(["a", "b"], [[1, "<x>"], [2, "y"]], "A & B", left=(1,), foot=["", "z"], marked=(1,))
    assert cells(shown) == [["1", "&lt;x&gt;"], ["2", "y"]]
    assert "A &amp; B" in shown and shown.count("font-weight:bold") == 4 and "<tfoot>" in shown
    assert shown.index("text-align:right") < shown.index("text-align:left")


def test_a_net_shows_its_layers():
    shared = nn.Linear(3, 3)
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), shared, shared)
    net[0].requires_grad_(False)
    shown = net._repr_html_()
    assert [(row[0], row[2]) for row in cells(shown)] == [("0.0", "9"), ("0.1", ""), ("1", "12")]
    assert cells(shown)[1][1].startswith("ReLU") and "12 of them are trained" in shown and ">21<" in shown
    assert cells(nn.Linear(1, 1)._repr_html_())[0][0] == "(net)"


def test_data_show_what_they_hold():
    data = ArrayDataset(np.zeros((1200, 3, 4, 5), np.uint8), np.arange(1200) % 14, name="my data", mean=[0.1, 0.2, 0.3])
    shown = dict(cells(data._repr_html_()))
    assert shown["samples"] == "1,200" and shown["shape"] == "3 x 4 x 5" and shown["type"] == "uint8"
    assert shown["classes"].startswith("14: 0, 1") and shown["classes"].endswith("11, ...")
    assert shown["mean"] == "0.1, 0.2, 0.3"
    assert dict(cells(ArrayDataset(np.zeros((2, 3)), np.zeros((2, 1)))._repr_html_()))["targets"] == \
        "float64 of shape (2, 1)"


def test_a_summary_and_a_trainer_show_themselves():
    net = td.models.lenet5()
    table = td.inspect.summary(net, (1, 28, 28))._repr_html_()
    assert ">61,706<" in table and ">416,520<" in table
    trainer = td.train.Trainer(net, td.optim.SGD(net.parameters(), lr=0.125))
    shown = dict(cells(trainer._repr_html_()))
    assert shown == {"net": "Sequential, 61,706 parameters", "optimizer": "SGD, lr 0.125", "loss": "CrossEntropyLoss",
                     "done": "epoch 0"}
