"""Eight mistakes of users; a type checker finds each, at the line that says what it is. Nothing runs this."""

import numpy as np

import tinydl as td

x, y = np.zeros((8, 1, 8, 8), np.float32), np.zeros(8, np.int64)
net = td.models.digits_cnn()
trainer = td.train.Trainer(net, td.optim.SGD(net.parameters(), lr=0.1))
trainer.fit((x, y), epoch=3)  # a wrong keyword
td.models.resnet19()  # an unknown model
td.nn.Conv2d(1, "8", 3)  # text for a number
print(td.zeros(3) + None)  # no operand
td.nn.Linear(10)  # a missing argument
trainer.fit((x, y), epochs=1).backward()  # a history is no tensor
td.nn.CrossEntropyLoss(label_smoothing="a little")  # a wrong argument of a loss
print(net(td.zeros(1, 1, 8, 8)).shapes)  # a wrong attribute
